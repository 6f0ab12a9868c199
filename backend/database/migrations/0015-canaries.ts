import { sql } from 'kysely';
import type { Migration } from './migration.ts';

/** What guards the canary of an alias, and what became of the last one. */
export const canariesMigration: Migration = {
  name: '0015-canaries',
  async up(db) {
    await sql`alter table aliases add column canary text`.execute(db);
  },
};
