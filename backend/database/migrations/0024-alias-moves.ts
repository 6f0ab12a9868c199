import { sql } from 'kysely';
import type { Migration } from './migration.ts';

/** Every move of an alias: the alias itself knows its last one alone, and the audit trail is for administrators. */
export const aliasMovesMigration: Migration = {
  name: '0024-alias-moves',
  async up(db, flavour) {
    const { integer } = flavour.columns;
    await sql`create table alias_moves (
      seq ${flavour.sequence},
      function_id text not null references functions (id) on delete cascade,
      alias text not null,
      kind text not null,
      versions_before text not null,
      versions_after text not null,
      moved_by text not null,
      reason text not null,
      at ${integer} not null
    ) ${flavour.tableEnd(false)}`.execute(db);
    await sql`create index alias_moves_by_function on alias_moves (function_id, seq)`.execute(db);
    await sql`create index alias_moves_by_alias on alias_moves (function_id, alias, seq)`.execute(db);
  },
};
