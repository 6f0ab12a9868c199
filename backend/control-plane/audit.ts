import { newId } from '../../shared/ids.ts';
import type { AuditRecord } from '../core/ports/store.ts';

/** Who does something, for the audit trail. */
export interface Actor {
  readonly tokenId: string;
  readonly name: string;
  /** Address of the client. */
  readonly address: string;
}

/** An entry for the audit trail. `detail` holds no secrets and no code. */
export function auditRecord(
  now: number,
  actor: Actor,
  action: string,
  target: string,
  detail: Readonly<Record<string, unknown>> = {},
): AuditRecord {
  const id = `aud_${newId('token', now).slice(4)}`;
  return { id, at: now, actor: actor.name, action, target, detail, address: actor.address };
}
