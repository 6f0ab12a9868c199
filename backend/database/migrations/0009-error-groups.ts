import { sql } from 'kysely';
import type { Migration } from './migration.ts';

/**
 * Failures grouped by what they look like, and how many there were per version and hour; they outlive their function. And what
 * lists of a million invocations need to be fast.
 */
export const errorGroupsMigration: Migration = {
  name: '0009-error-groups',
  async up(db, flavour) {
    const { integer } = flavour.columns;
    await sql`create table error_groups (
      id text not null primary key,
      project text not null,
      function_id text not null,
      function_name text not null,
      type text not null,
      message text not null,
      frame text not null,
      stack text not null,
      count ${integer} not null,
      first_seen_at ${integer} not null,
      last_seen_at ${integer} not null,
      last_invocation_id text not null,
      state text not null check (state in ('open', 'resolved', 'ignored')),
      state_at ${integer} not null
    ) ${flavour.tableEnd(false)}`.execute(db);
    await sql`create index error_groups_by_time on error_groups (last_seen_at, id)`.execute(db);
    await sql`create index error_groups_by_project on error_groups (project, last_seen_at, id)`.execute(db);
    await sql`create index error_groups_by_function on error_groups (function_id, last_seen_at, id)`.execute(db);
    await sql`create index error_groups_by_state on error_groups (project, state, last_seen_at, id)`.execute(db);
    // Calls over HTTP are most of the table and are found by walking it.
    await sql`create index invocations_by_trigger on invocations (trigger_kind, created_at, seq)
      where trigger_kind <> 'http'`.execute(db);
    await sql`create table error_tallies (
      group_id text not null references error_groups (id) on delete cascade,
      hour_at ${integer} not null,
      version ${integer} not null,
      count ${integer} not null,
      primary key (group_id, hour_at, version)
    ) ${flavour.tableEnd(true)}`.execute(db);
    await sql`create index error_tallies_by_hour on error_tallies (hour_at)`.execute(db);
  },
};
