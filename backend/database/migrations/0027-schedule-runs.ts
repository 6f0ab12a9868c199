import { sql } from 'kysely';
import type { Migration } from './migration.ts';

/** What schedules did: an invocation does not say which schedule it came from, and a tick that was skipped has none. */
export const scheduleRunsMigration: Migration = {
  name: '0027-schedule-runs',
  async up(db, flavour) {
    const { integer } = flavour.columns;
    await sql`create table schedule_runs (
      function_id text not null references functions (id) on delete cascade,
      schedule text not null,
      at ${integer} not null,
      is_manual ${integer} not null,
      invocation_id text,
      primary key (function_id, schedule, at, is_manual)
    ) ${flavour.tableEnd(true)}`.execute(db);
  },
};
