import { sql } from 'kysely';
import type { Migration } from './migration.ts';

/** Small documents of the installation that nobody looks into, by name. */
export const documentsMigration: Migration = {
  name: '0011-documents',
  async up(db, flavour) {
    await sql`create table documents (name text not null primary key, body text not null) ${flavour.tableEnd(true)}`.execute(
      db,
    );
  },
};
