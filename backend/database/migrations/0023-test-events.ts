import { sql } from 'kysely';
import type { Migration } from './migration.ts';

/**
 * Events that people keep to call a function with. `owner` is the id of the user or token that alone sees it, '' for all of
 * the project. `body` comes last: SQLite then reads the other columns of a list without the pages that a large one fills.
 */
export const testEventsMigration: Migration = {
  name: '0023-test-events',
  async up(db, flavour) {
    const { integer, blob } = flavour.columns;
    await sql`create table test_events (
      function_id text not null references functions (id) on delete cascade,
      owner text not null,
      name text not null,
      size_bytes ${integer} not null,
      created_at ${integer} not null,
      updated_at ${integer} not null,
      updated_by text not null,
      body ${blob} not null,
      primary key (function_id, owner, name)
    ) ${flavour.tableEnd(false)}`.execute(db);
    await sql`create index test_events_by_owner on test_events (owner)`.execute(db);
  },
};
