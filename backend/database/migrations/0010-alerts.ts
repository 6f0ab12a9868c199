import { type RawBuilder, sql } from 'kysely';
import type { Migration } from './migration.ts';

/** Alert rules with what is remembered of them, and messages on their way. */
export const alertsMigration: Migration = {
  name: '0010-alerts',
  async up(db, flavour) {
    const { integer } = flavour.columns;
    const strict = flavour.tableEnd(false);
    const run = (statement: RawBuilder<unknown>) => statement.execute(db);
    await run(sql`create table alert_rules (
      id text not null primary key,
      config text not null,
      memory text not null,
      silenced_until ${integer},
      created_at ${integer} not null,
      updated_at ${integer} not null
    ) ${strict}`);
    await run(sql`create table alert_deliveries (
      id text not null primary key,
      rule_id text not null references alert_rules (id) on delete cascade,
      event text not null,
      channel text not null,
      body text not null,
      state text not null,
      attempts ${integer} not null,
      created_at ${integer} not null,
      next_attempt_at ${integer},
      last_error text
    ) ${strict}`);
    await run(sql`create index alert_deliveries_by_time on alert_deliveries (state, next_attempt_at)`);
    await run(sql`create index alert_deliveries_by_rule on alert_deliveries (rule_id, created_at)`);
  },
};
