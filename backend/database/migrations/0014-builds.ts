import { sql } from 'kysely';
import type { Migration } from './migration.ts';

/** Builds by the name of their function: one that failed may have been the first, of a function that never was. */
export const buildsMigration: Migration = {
  name: '0014-builds',
  async up(db, flavour) {
    const { integer } = flavour.columns;
    await sql`create table builds (
      id text not null primary key,
      project text not null,
      function_name text not null,
      state text not null,
      steps text not null,
      created_at ${integer} not null,
      finished_at ${integer},
      created_by text not null,
      source text not null,
      message text not null,
      version ${integer},
      error text,
      log text not null
    ) ${flavour.tableEnd(false)}`.execute(db);
    await sql`create index builds_by_function on builds (function_name, id)`.execute(db);
    await sql`create index builds_by_project on builds (project, id)`.execute(db);
    await sql`create index builds_by_end on builds (finished_at)`.execute(db);
  },
};
