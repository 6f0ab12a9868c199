import { createHash } from 'node:crypto';
import type { AuditRow } from './tables.ts';

/** What an entry's hash covers: all of it but its number and what is made from the rest. */
type Hashed = Omit<AuditRow, 'seq' | 'hash' | 'resource'>;

/**
 * Lower-case hex SHA-256 over the hash of the entry before ('' for the first) and every column of this one. Whoever changes,
 * removes or inserts an entry breaks the chain from there on.
 */
export function auditHash(previous: string, row: Hashed): string {
  const { id, at, project, actor_id, actor, action, target, detail, address } = row;
  const fields = [previous, id, at, project, actor_id, actor, action, target, detail, address];
  return createHash('sha256').update(JSON.stringify(fields)).digest('hex');
}
