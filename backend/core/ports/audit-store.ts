import type { AuditOutcome } from '../../../shared/audit-actions.ts';
import type { Page, PageRequest } from './store.ts';

/** An entry of the audit trail. */
export interface AuditRecord {
  readonly id: string;
  readonly at: number;
  /** Undefined: it concerns the installation as a whole. */
  readonly project: string | undefined;
  /** Id of the token or user; '' when nobody was known. */
  readonly actorId: string;
  readonly actor: string;
  readonly action: string;
  readonly target: string;
  readonly detail: unknown;
  readonly address: string;
  /** Chains it to the entry before; set by the store. */
  readonly hash?: string;
}
/** `entries` and `head` (the hash of the last one) are those up to which the chain holds. */
export interface AuditVerdict {
  readonly isIntact: boolean;
  readonly entries: number;
  readonly head: string;
  readonly brokenAt: string | undefined;
  readonly reason: string | undefined;
}
/** Which entries: those for which everything holds that is given. */
export interface AuditFilter {
  /** Undefined: of all projects and of the installation. */
  readonly project?: string | undefined;
  /** The name of who did it, or the id of that user or token. */
  readonly actor?: string | undefined;
  readonly action?: string | undefined;
  /** What it was done to: the part of the action before the dot. */
  readonly resource?: string | undefined;
  readonly target?: string | undefined;
  readonly outcome?: AuditOutcome | undefined;
  /** Included. */
  readonly from?: number | undefined;
  /** Not included. */
  readonly to?: number | undefined;
}
export interface AuditStore {
  append(entry: AuditRecord): Promise<void>;
  /** Newest first. A cursor is good for every filter. */
  list(page: PageRequest, filter?: AuditFilter): Promise<Page<AuditRecord>>;
  /** Oldest first, for an export. */
  oldest(page: PageRequest, filter?: AuditFilter): Promise<Page<AuditRecord>>;
  /** Walks the whole chain. */
  verify(): Promise<AuditVerdict>;
}
