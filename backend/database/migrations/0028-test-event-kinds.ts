import { sql } from 'kysely';
import type { Migration } from './migration.ts';

/**
 * Beside events, whole HTTP requests are kept. `body` moves behind the new column: a list would else read the pages of every large one to get
 * at its kind.
 */
export const testEventKindsMigration: Migration = {
  name: '0028-test-event-kinds',
  async up(db, flavour) {
    await sql`alter table test_events add column kind text not null default 'event'`.execute(db);
    await sql`alter table test_events add column content ${flavour.columns.blob} not null default x''`.execute(db);
    await sql`update test_events set content = body`.execute(db);
    await sql`alter table test_events drop column body`.execute(db);
    await sql`alter table test_events rename column content to body`.execute(db);
  },
};
