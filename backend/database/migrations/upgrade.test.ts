import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { minuteMs } from '../../../shared/durations.ts';
import { newId } from '../../../shared/ids.ts';
import { anyLogLines, functionRecord, invocationRecord, logLine } from '../../../tests/conformance/store-records.ts';
import { testClock, testLogger } from '../../../tests/conformance/store-support.ts';
import { openSqliteStore } from '../sqlite/open-sqlite-store.ts';
import { initialMigration } from './0001-initial.ts';
import { migrations } from './table.ts';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hearth-upgrade-'));
  path = join(folder, 'hearth.db');
});
afterEach(() => rm(folder, { recursive: true, force: true }));
const open = (only = migrations) => openSqliteStore({ path, clock: testClock, logger: testLogger, migrations: only });

test('a folder of the first schema is brought up to date without a loss', async () => {
  const old = await open([initialMigration]);
  await old.migrate();
  const record = functionRecord('resize', { latestVersion: 1 });
  await old.functions.create(record);
  const invocation = invocationRecord({ functionId: record.id });
  await old.invocations.record([{ record: invocation, payload: undefined }]);
  await old.close();
  // As the first release wrote them: without what came later.
  const database = new BetterSqlite3(path);
  const entries = 1203;
  const token = { id: newId('token'), hash: 'c'.repeat(64) };
  database
    .prepare("insert into tokens (id, name, scope, hash, created_at) values (?, 'ci', 'admin', ?, 7)")
    .run(token.id, token.hash);
  const line = logLine(1, { functionId: record.id });
  const logs = database.prepare(
    `insert into logs (seq, at, function_id, function_name, version, level, stream, text)
     values (?, ?, @functionId, ?, @version, @level, @stream, @text)`,
  );
  const names = [record.name, record.name, record.name, 'acme/resize'];
  for (const [index, name] of names.entries()) logs.run([index + 1, index * 0.75 * minuteMs, name], line);
  const audit = database.prepare(
    "insert into audit (id, at, actor, action, target, detail, address) values (?, ?, 'ci', 'function.create', 'resize', '{}', '::1')",
  );
  for (let i = 1; i <= entries; i++) audit.run(`aud_${i}`, i);
  database.close();

  const store = await open();
  expect(await store.migrate()).toEqual(migrations.slice(1).map(({ name }) => name));
  expect(await store.functions.all()).toEqual([record]);
  expect((await store.functions.list({ limit: 9, cursor: undefined })).items).toEqual([record]);
  expect(await store.invocations.find(invocation.id)).toMatchObject(invocation);
  expect(await store.tokens.all()).toMatchObject([{ ...token, project: undefined, scope: 'admin' }]);
  const counted = async (filter: object) => {
    const range = { ...anyLogLines, since: 0, until: 4 * minuteMs - 1, maxSteps: 4, ...filter };
    return (await store.logs.count(range)).counts.map(({ at, count }) => [at, count]);
  };
  expect(await counted({ functionId: record.id })).toEqual([
    [0, 2],
    [minuteMs, 1],
    [2 * minuteMs, 1],
  ]);
  expect(await counted({ project: 'default' })).toEqual([
    [0, 2],
    [minuteMs, 1],
  ]);
  expect(await counted({ project: 'acme' })).toEqual([[2 * minuteMs, 1]]);
  expect(await store.projects.all()).toMatchObject([{ name: 'default' }]);
  expect(await store.audit.verify()).toMatchObject({ isIntact: true, entries });
  expect((await store.audit.list({ limit: 1, cursor: undefined }, { project: 'default' })).items).toMatchObject([
    { id: `aud_${entries}`, actorId: '' },
  ]);
  await store.close();

  const again = await open();
  expect(await again.migrate()).toEqual([]);
  await again.close();
});

test.each([
  ['an entry was edited', "update audit set target = 'other' where id = 'aud_2'", 'aud_2'],
  ['the actor of an entry was edited', "update audit set actor_id = 'tok_x' where id = 'aud_1'", 'aud_1'],
  ['an entry was removed', "delete from audit where id = 'aud_2'", 'aud_3'],
  ['two entries changed places', "update audit set seq = 9 where id = 'aud_1'", 'aud_2'],
  [
    'an entry was put in',
    "insert into audit (seq, id, at, actor, action, target, detail, address) values (9, 'aud_9', 1, '', '', '', '{}', '')",
    'aud_9',
  ],
  ['the newest was removed', "delete from audit where id = 'aud_4'", undefined],
  ['all were removed', 'delete from audit where true', undefined],
  ['the end of the chain was removed', 'delete from audit_head', undefined],
])('the audit trail shows that %s', async (_what, statement, brokenAt) => {
  const store = await open();
  await store.migrate();
  for (const n of [1, 2, 3, 4]) {
    const what = { actor: 'ci', action: 'function.create', target: 'resize', detail: { n }, address: '::1' };
    await store.audit.append({ id: `aud_${n}`, at: n, project: 'default', actorId: 'tok_1', ...what });
  }
  expect(await store.audit.verify()).toMatchObject({ isIntact: true, entries: 4 });
  await store.close();
  const database = new BetterSqlite3(path);
  const isOfEntries = statement.startsWith('update audit ') || statement.startsWith('delete from audit ');
  if (isOfEntries) expect(() => database.exec(statement)).toThrow('audit is append-only');
  // Whoever can write the file can take that away too; the chain shows it all the same.
  database.exec('drop trigger audit_never_updates; drop trigger audit_never_deletes');
  database.exec(statement);
  database.close();
  const again = await open();
  expect(await again.audit.verify()).toMatchObject({ isIntact: false, brokenAt });
  await again.close();
});
