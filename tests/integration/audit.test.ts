import { join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AuditEntry } from '../../shared/api/system.ts';
import { type ApiRig, apiRig } from '../support/api-rig.ts';

let rig: ApiRig;
beforeAll(async () => {
  rig = await apiRig();
});
afterAll(() => rig[Symbol.asyncDispose]());

const call = async (
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
  url: string,
  payload?: object,
  project = '',
) => {
  const headers = { ...rig.as.admin, ...(project && { 'hearth-project': project }) };
  return rig.app.inject({ method, url: `/api/v1${url}`, headers, ...(payload && { payload }) });
};
const exported = async (project = ''): Promise<AuditEntry[]> => {
  const response = await call('GET', '/audit/export', undefined, project);
  expect(response.headers['content-type']).toBe('application/x-ndjson');
  return response.body
    .trimEnd()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
};

test('a change says who, what, before, after and from where, and gives no secret away', async () => {
  const planted = 'a value that nobody may read';
  await call('POST', '/functions', { name: 'f', files: { 'index.mjs': '1' }, env: { KEY: planted } });
  await call('POST', '/functions/f/versions', { memoryMb: 512, env: { KEY: planted, MORE: planted } });
  await call('PATCH', '/functions/f', {
    description: 'new',
    tags: ['a'],
    enabled: false,
    schedules: [{ name: 's', cron: '@daily', payload: planted }],
  });
  await call('PUT', '/functions/f/aliases/live', { versions: [{ version: 1 }] });
  const token = await call('POST', '/tokens', { name: 'ci', scope: 'read' });
  await call('DELETE', `/tokens/${token.json().id}`);
  await call('DELETE', '/functions/f');

  const entries = await exported();
  expect(entries.map(({ action }) => action)).toEqual([
    'function.create',
    'version.create',
    'function.update',
    'alias.put',
    'token.create',
    'token.delete',
    'function.delete',
  ]);
  for (const entry of entries) {
    expect(entry).toMatchObject({ actor: 'test admin', address: '127.0.0.1', project: 'default' });
    expect(entry.actorId).toMatch(/^tok_/);
    expect(Number.isNaN(Date.parse(entry.at))).toBe(false);
  }
  const detail = Object.fromEntries(entries.map((entry) => [entry.action, entry.detail]));
  expect(detail['function.create']).toMatchObject({ after: { config: { env: ['KEY'], memoryMb: 128 } } });
  expect(detail['version.create']).toMatchObject({
    before: { version: 1, config: { memoryMb: 128 } },
    after: { version: 2, config: { memoryMb: 512, env: ['KEY', 'MORE'] } },
  });
  expect(detail['function.update']).toEqual({
    before: { description: '', tags: [], enabled: true, schedules: [] },
    after: {
      description: 'new',
      tags: ['a'],
      enabled: false,
      schedules: [{ name: 's', cron: '@daily', timeZone: 'UTC', alias: 'live', misfire: 'run-once', enabled: true }],
    },
  });
  expect(detail['alias.put']).toEqual({
    before: [{ version: 2, weight: 1 }],
    after: [{ version: 1, weight: 1 }],
  });
  expect(detail['token.delete']).toEqual({ before: { name: 'ci', scope: 'read' } });
  expect(detail['function.delete']).toMatchObject({ before: { description: 'new', latestVersion: 2 } });
  const everything = JSON.stringify(entries);
  expect(everything).not.toContain(planted);
  expect(everything).not.toContain(token.json().secret);
});

test('an export has every entry once, oldest first, and of a project those of the project', async () => {
  await call('POST', '/projects', { name: 'acme' });
  for (let i = 0; i < 450; i++) {
    const what = { actor: 'x', action: 'test', target: String(i), detail: null, address: '', actorId: 'tok_x' };
    await rig.store.audit.append({ id: `aud_${i}`, at: i, project: 'acme', ...what });
  }
  const ofAcme = await exported('acme');
  expect(ofAcme.map(({ target }) => target)).toEqual(Array.from({ length: 450 }, (_, i) => String(i)));
  const all = await exported();
  expect(all.length).toBeGreaterThan(450);
  expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
});

test('a list and an export have what matches alone, and say what is no filter', async () => {
  const both = async (query: string) => {
    const listed: AuditEntry[] = (await call('GET', `/audit?${query}`)).json().items;
    const lines = (await call('GET', `/audit/export?${query}`)).body.split('\n').filter((line) => line !== '');
    expect(lines.map((line) => JSON.parse(line).id)).toEqual(listed.map(({ id }) => id).reverse());
    return listed.map(({ action, target, outcome }) => `${action} ${target} ${outcome}`);
  };
  expect(await both('resource=alias&target=f/live')).toEqual(['alias.put f/live done']);
  expect(await both('action=function.update')).toEqual(['function.update f done']);
  expect(await both('actor=test%20admin&resource=project')).toEqual(['project.create acme done']);
  expect(await both('outcome=refused')).toEqual([]);
  expect(await both('actor=nobody')).toEqual([]);
  expect(await both('from=1970-01-01T00:00:00.010Z&to=1970-01-01T00:00:00.012Z')).toEqual([
    'test 11 done',
    'test 10 done',
  ]);
  for (const wrong of ['action=function.read', 'resource=files', 'outcome=maybe', 'from=yesterday', 'target=']) {
    const response = await call('GET', `/audit?${wrong}`);
    expect(response.statusCode).toBe(400);
    expect((await call('GET', `/audit/export?${wrong}`)).statusCode).toBe(400);
  }
});

test('several secrets are set together or not at all, each with its entry', async () => {
  const names = async () => (await call('GET', '/secrets')).json().items.map(({ name }: { name: string }) => name);
  const set = (values: Readonly<Record<string, string>>) => call('PATCH', '/secrets', { values });
  const done = await set({ B: 'planted-1', A: 'planted-2' });
  expect(done.statusCode, done.body).toBe(200);
  expect(done.json().items).toMatchObject([
    { name: 'B', version: 1, usedBy: [] },
    { name: 'A', version: 1 },
  ]);
  expect((await set({ B: 'planted-3' })).json().items).toMatchObject([{ name: 'B', version: 2 }]);
  const many = Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`S${i}`, 'x']));
  const large = Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`S${i}`, 'x'.repeat(32_768)]));
  for (const [values, words] of [
    [{ C: 'good', PATH: '/bin' }, 'set by the platform'],
    [{ C: 'good', D: '' }, 'must not be empty'],
    [{}, 'has no secret'],
    [many, 'more than 100 secrets'],
    [large, 'more than 524288 characters'],
  ] as const) {
    const refused = await set(values);
    expect(refused.statusCode).toBe(400);
    expect(refused.body).toContain(words);
  }
  expect(await names()).toEqual(['A', 'B']);
  const entries = (await exported()).filter(({ action }) => action === 'secret.put');
  expect(entries.map(({ target, detail }) => [target, detail])).toEqual([
    ['B', { before: { version: null }, after: { version: 1 } }],
    ['A', { before: { version: null }, after: { version: 1 } }],
    ['B', { before: { version: 1 }, after: { version: 2 } }],
  ]);
  expect(JSON.stringify(entries)).not.toContain('planted');
});

test('what was changed behind the back of the platform shows', async () => {
  const intact = (await call('GET', '/audit/verify')).json();
  const all = await exported();
  expect(intact).toEqual({ isIntact: true, entries: all.length, head: all.at(-1)?.hash, brokenAt: null, reason: null });
  const database = new BetterSqlite3(join(rig.directory, 'hearth.db'));
  database.exec('drop trigger audit_never_updates');
  database.prepare("update audit set actor = 'somebody else' where id = 'aud_7'").run();
  database.close();
  expect((await call('GET', '/audit/verify')).json()).toMatchObject({ isIntact: false, brokenAt: 'aud_7' });
});
