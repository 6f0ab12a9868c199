import { sql } from 'kysely';
import type { Migration } from './migration.ts';

/** Lines of functions and of projects per minute: to count a million of them took a second. Those that are there are counted once. */
export const logCountsMigration: Migration = {
  name: '0026-log-counts',
  async up(db, flavour) {
    const { integer } = flavour.columns;
    await sql`create table log_counts (
      series text not null,
      at ${integer} not null,
      version ${integer} not null,
      level text not null,
      stream text not null,
      count ${integer} not null,
      primary key (series, at, version, level, stream)
    ) ${flavour.tableEnd(true)}`.execute(db);
    await sql`create index log_counts_by_time on log_counts (at)`.execute(db);
    const minute = sql`(at / 60000) * 60000`;
    await sql`insert into log_counts (series, at, version, level, stream, count)
      select function_id, ${minute}, version, level, stream, count(*) from logs
      group by function_id, ${minute}, version, level, stream`.execute(db);
    const project = flavour.projectPrefix(sql.ref('function_name'));
    await sql`insert into log_counts (series, at, version, level, stream, count)
      select '@' || ${project}, ${minute}, 0, level, stream, count(*) from logs
      group by ${project}, ${minute}, level, stream`.execute(db);
  },
};
