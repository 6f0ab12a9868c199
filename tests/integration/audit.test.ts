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
