import { sql } from 'kysely';
import type { Migration } from './migration.ts';

/** Sealed values. `wrapped_key` is the key of one value under the key-encryption key that `key_id` names. */
export const secretsMigration: Migration = {
  name: '0004-secrets',
  async up(db, flavour) {
    const { integer, blob } = flavour.columns;
    await sql`create table secrets (
      project text not null,
      name text not null,
      version ${integer} not null,
      sealed ${blob} not null,
      wrapped_key ${blob} not null,
      key_id text not null,
      created_at ${integer} not null,
      updated_at ${integer} not null,
      updated_by text not null,
      primary key (project, name)
    ) ${flavour.tableEnd(false)}`.execute(db);
  },
};
