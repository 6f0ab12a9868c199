import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import BetterSqlite3, { type Database } from 'better-sqlite3';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { testClock, testLogger } from '../../../tests/conformance/store-support.ts';
import { inspectDatabase } from '../sqlite/copy-database.ts';
import { openSqliteStore } from '../sqlite/open-sqlite-store.ts';
import { migrations } from './table.ts';

let folder: string;
let path: string;
/** Of a new installation. */
let fresh: ReturnType<typeof shapeOf>;
async function begin(): Promise<void> {
  folder = await mkdtemp(join(tmpdir(), 'hearth-schema-'));
  path = join(folder, 'hearth.db');
}
const end = (): Promise<void> => rm(folder, { recursive: true, force: true });
beforeAll(async () => {
  await begin();
  const store = await open();
  await store.migrate();
  await store.close();
  const made = new BetterSqlite3(path);
  fresh = shapeOf(made);
  made.close();
  await end();
});
beforeEach(begin);
afterEach(end);
const open = (only = migrations) => openSqliteStore({ path, clock: testClock, logger: testLogger, migrations: only });

type Row = Readonly<Record<string, unknown>>;
interface Column {
  readonly name: string;
  readonly type: string;
}

/** Tables with the state of the installation that every release has, and the platform writes by itself. */
const ownTables = new Set(['schema_migrations', 'audit_head']);

function tablesOf(database: Database): readonly string[] {
  const names = database.prepare("select name from sqlite_master where type = 'table' and name not like 'sqlite_%'");
  return (names.pluck().all() as string[]).filter((name) => !ownTables.has(name));
}

/** One row with a value in every column, so that a column that is dropped, emptied or exchanged with another shows. */
function rowFor(table: string, columns: readonly Column[], definition: string): Row {
  const wordsOf = new Map(
    [...definition.matchAll(/check \((\w+) in \('([^']+)'/g)].map(([, name, word]) => [name, word]),
  );
  const value = ({ name, type }: Column, at: number) => {
    const word = wordsOf.get(name);
    if (word !== undefined) return word;
    if (definition.includes(`length(${name}) = 64`)) return 'a'.repeat(64);
    if (/^is_/.test(name)) return 1;
    if (/int/i.test(type)) return at + 1;
    if (/blob/i.test(type)) return Buffer.from(`${table}.${name}`);
    return `"${table}.${name}"`;
  };
  return Object.fromEntries(columns.map((column, at) => [column.name, value(column, at)]));
}

function fill(database: Database): ReadonlyMap<string, Row> {
  // Rows name one another across tables in every way; here only what is kept counts.
  database.pragma('foreign_keys = off');
  const rows = new Map<string, Row>();
  for (const table of tablesOf(database)) {
    const definition = database.prepare('select sql from sqlite_master where name = ?').pluck().get(table) as string;
    const row = rowFor(table, database.pragma(`table_info(${table})`) as Column[], definition);
    const names = Object.keys(row);
    database
      .prepare(`insert into ${table} (${names.join(', ')}) values (${names.map((name) => `@${name}`).join(', ')})`)
      .run(row);
    rows.set(table, row);
  }
  return rows;
}

describe.each(migrations.map(({ name }, index) => [name, index] as const))(
  'a database of schema %s',
  (_name, index) => {
    it('comes to the newest schema with every row that was in it, and a second start changes nothing', async () => {
      const old = await open(migrations.slice(0, index + 1));
      await old.migrate();
      await old.close();
      const before = new BetterSqlite3(path);
      const rows = fill(before);
      before.close();
      expect(rows.size).toBeGreaterThan(10);

      const store = await open();
      expect(await store.migrate()).toEqual(migrations.slice(index + 1).map(({ name }) => name));
      await store.close();
      const after = new BetterSqlite3(path);
      for (const [table, row] of rows) {
        const columns = Object.keys(row).join(', ');
        expect(after.prepare(`select ${columns} from ${table}`).all(), table).toContainEqual(row);
      }
      expect(after.pragma('integrity_check', { simple: true })).toBe('ok');
      const upgraded = shapeOf(after);
      after.close();
      expect(inspectDatabase(path).schema).toEqual(migrations.map(({ name }) => name).toSorted());

      const again = await open();
      expect(await again.migrate()).toEqual([]);
      await again.close();
      expect(upgraded, 'the same tables and columns as a new installation').toEqual(fresh);
    });
  },
);

/** Every table with its columns, and every index. */
function shapeOf(database: Database): Readonly<Record<string, unknown>> {
  const all = database
    .prepare("select type, name from sqlite_master where name not like 'sqlite_%' order by name")
    .all();
  const columns = tablesOf(database).map((table) => [table, database.pragma(`table_info(${table})`)]);
  return { all, columns: Object.fromEntries(columns) };
}
