import { sql } from 'kysely';
import type { Migration } from './migration.ts';

/**
 * Beside events, whole HTTP requests are kept. The table is made anew, because a column that is added would come behind `body`, and a list
 * would read the pages of every large one to get at it.
 */
export const testEventKindsMigration: Migration = {
  name: '0028-test-event-kinds',
  async up(db, flavour) {
    const { integer, blob } = flavour.columns;
    await sql`create table test_events_with_kind (
      function_id text not null references functions (id) on delete cascade,
      owner text not null,
      name text not null,
      kind text not null,
      size_bytes ${integer} not null,
      created_at ${integer} not null,
      updated_at ${integer} not null,
      updated_by text not null,
      body ${blob} not null,
      primary key (function_id, owner, name)
    ) ${flavour.tableEnd(false)}`.execute(db);
    await sql`insert into test_events_with_kind
      select function_id, owner, name, 'event', size_bytes, created_at, updated_at, updated_by, body
      from test_events`.execute(db);
    await sql`drop table test_events`.execute(db);
    await sql`alter table test_events_with_kind rename to test_events`.execute(db);
    await sql`create index test_events_by_owner on test_events (owner)`.execute(db);
  },
};
