import { sql } from 'kysely';
import type { Migration } from './migration.ts';

/** In which version a group of errors was seen first and last. Of those that are there the hours that are kept tell; 0: not known. */
export const errorVersionsMigration: Migration = {
  name: '0025-error-versions',
  async up(db, flavour) {
    const { integer } = flavour.columns;
    for (const column of ['first_version', 'last_version']) {
      await sql`alter table error_groups add column ${sql.ref(column)} ${integer} not null default 0`.execute(db);
    }
    const tallied = sql`select version from error_tallies where group_id = error_groups.id`;
    await sql`update error_groups set
      first_version = coalesce((${tallied} order by hour_at, version limit 1), 0),
      last_version = coalesce((${tallied} order by hour_at desc, version desc limit 1), 0)`.execute(db);
  },
};
