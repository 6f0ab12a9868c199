import { sql } from 'kysely';
import type { Migration } from './migration.ts';

/**
 * Requests of calls over HTTP that are kept, and those of their replays. The bodies come last: SQLite then reads the other columns without the
 * pages that large ones fill.
 */
export const requestsMigration: Migration = {
  name: '0012-requests',
  async up(db, flavour) {
    const { integer, blob } = flavour.columns;
    await sql`create table requests (
      invocation_id text not null primary key references invocations (id) on delete cascade,
      function_id text not null,
      kept_at ${integer} not null,
      bytes ${integer} not null,
      head text not null,
      body ${blob} not null,
      response_body ${blob}
    ) ${flavour.tableEnd(false)}`.execute(db);
    await sql`create index requests_by_function on requests (function_id, kept_at, bytes)`.execute(db);
    await sql`create index requests_by_time on requests (kept_at, bytes)`.execute(db);
  },
};
