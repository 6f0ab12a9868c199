import { type Kysely, sql } from 'kysely';
import { PlatformError } from '../../../shared/errors.ts';
import type { SqlSession } from '../sql-session.ts';
import type { Migration } from './migration.ts';

/**
 * Runs the migrations that the database has not seen, all in one transaction that also locks out other platforms, however long they take;
 * returns their names. A database that knows a migration which we do not is refused with
 * `unavailable`/`schema_too_new`: an older Hearth would misread it.
 */
export async function migrate(
  session: SqlSession,
  migrations: readonly Migration[],
  now: number,
): Promise<readonly string[]> {
  return session.transaction(async ({ db, flavour }) => {
    const { integer } = flavour.columns;
    await sql`create table if not exists schema_migrations (name text not null primary key, applied_at ${integer} not null)
      ${flavour.tableEnd(false)}`.execute(db);
    const applied = (await db.selectFrom('schema_migrations').select('name').orderBy('name').execute()).map(
      (row) => row.name,
    );
    refuseUnknown(applied, migrations);
    const pending = migrations.filter(({ name }) => !applied.includes(name));
    for (const migration of pending) {
      await migration.up(db as unknown as Kysely<unknown>, flavour);
      await db.insertInto('schema_migrations').values({ name: migration.name, applied_at: now }).execute();
    }
    return pending.map(({ name }) => name);
  }, 'unbounded');
}

function refuseUnknown(applied: readonly string[], migrations: readonly Migration[]): void {
  const unknown = applied.filter((name) => !migrations.some((migration) => migration.name === name));
  if (unknown.length === 0) return;
  throw new PlatformError(
    'unavailable',
    'schema_too_new',
    `The database was used by a newer Hearth (it knows ${unknown.join(', ')}). Start that version, or restore a backup ` +
      'made before the upgrade (docs/backup.md).',
    { detail: { unknown } },
  );
}
