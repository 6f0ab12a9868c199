import { sql } from 'kysely';
import type { Migration } from './migration.ts';

/** The audit trail by who, what, on what and when: it is never pruned, so that looking for a few entries must not walk all of them. */
export const auditFiltersMigration: Migration = {
  name: '0029-audit-filters',
  async up(db) {
    // Made from the action, and so no part of what the chain has to cover.
    await sql`alter table audit add column resource text
      generated always as (substr(action, 1, instr(action, '.') - 1)) virtual`.execute(db);
    await sql`create index audit_by_actor on audit (actor, seq)`.execute(db);
    await sql`create index audit_by_actor_id on audit (actor_id, seq)`.execute(db);
    await sql`create index audit_by_action on audit (action, seq)`.execute(db);
    await sql`create index audit_by_resource on audit (resource, seq)`.execute(db);
    await sql`create index audit_by_target on audit (target, seq)`.execute(db);
    await sql`create index audit_by_time on audit (at, seq)`.execute(db);
  },
};
