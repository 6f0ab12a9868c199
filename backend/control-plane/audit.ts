import type { AuditAction } from '../../shared/audit-actions.ts';
import { newId } from '../../shared/ids.ts';
import type { AuditRecord } from '../core/ports/audit-store.ts';

/** Who does something, for the audit trail. */
export interface Actor {
  /** Of the token or user. */
  readonly id: string;
  readonly name: string;
  /** Address of the client. */
  readonly address: string;
  /** In which project it is done; undefined for what concerns the installation as a whole. */
  readonly project: string | undefined;
}

/** An entry for the audit trail. `detail` holds no secrets and no code. */
export function auditRecord(
  now: number,
  actor: Actor,
  action: AuditAction,
  target: string,
  detail: Readonly<Record<string, unknown>> = {},
): AuditRecord {
  return {
    id: newId('audit', now),
    at: now,
    project: actor.project,
    actorId: actor.id,
    actor: actor.name,
    action,
    target,
    detail,
    address: actor.address,
  };
}
