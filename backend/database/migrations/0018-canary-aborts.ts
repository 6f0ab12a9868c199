import { sql } from 'kysely';
import type { Migration } from './migration.ts';

/** Canaries that were taken back: an alias forgets why with its next move. */
export const canaryAbortsMigration: Migration = {
  name: '0018-canary-aborts',
  async up(db, flavour) {
    const { integer } = flavour.columns;
    await sql`create table canary_aborts (
      function_id text not null,
      at ${integer} not null,
      alias text not null,
      version ${integer} not null,
      stable ${integer} not null,
      reason text not null,
      primary key (function_id, at, alias)
    ) ${flavour.tableEnd(true)}`.execute(db);
    await sql`create index canary_aborts_by_time on canary_aborts (at)`.execute(db);
  },
};
