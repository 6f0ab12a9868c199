import { sql } from 'kysely';
import type { Migration } from './migration.ts';

/** Attempts of functions to reach what they may not, summed per host and reason. */
export const egressRefusalsMigration: Migration = {
  name: '0017-egress-refusals',
  async up(db, flavour) {
    const { integer } = flavour.columns;
    await sql`create table egress_refusals (
      function_id text not null,
      host text not null,
      reason text not null,
      version ${integer} not null,
      count ${integer} not null,
      first_at ${integer} not null,
      last_at ${integer} not null,
      primary key (function_id, host, reason)
    ) ${flavour.tableEnd(true)}`.execute(db);
    await sql`create index egress_refusals_by_function on egress_refusals (function_id, last_at)`.execute(db);
    await sql`create index egress_refusals_by_time on egress_refusals (last_at)`.execute(db);
  },
};
