import { sql } from 'kysely';
import type { Migration } from './migration.ts';

/** Invocations are listed by the name of their function, never by its id: the index by id cost every call a seventh of what its record takes on disk. */
export const fewerIndexesMigration: Migration = {
  name: '0021-fewer-indexes',
  async up(db) {
    await sql`drop index invocations_by_function`.execute(db);
  },
};
