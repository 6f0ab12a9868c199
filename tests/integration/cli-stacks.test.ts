import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Platform, startPlatform } from '../support/platform.ts';
import { hearth } from '../support/run-cli.ts';

let platform: Platform;
let folder = '';
beforeAll(async () => {
  platform = await startPlatform();
  folder = mkdtempSync(join(tmpdir(), 'hearth-cli-stacks-'));
});
afterAll(async () => {
  await platform?.dispose();
  rmSync(folder, { recursive: true, force: true });
});

function write(path: string, content: string | object): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), typeof content === 'string' ? content : JSON.stringify(content));
}
const file = () => join(folder, 'hearth.stack.json');
async function run(...argv: readonly string[]) {
  const { code, stdout, stderr } = await hearth(platform, ...argv, '--file', file(), '--json');
  const { steps = [] } = stdout === '' ? {} : (JSON.parse(stdout) as { steps?: Record<string, unknown>[] });
  return { code, stderr, steps, kinds: Object.fromEntries(steps.map(({ name, kind }) => [name, kind])) };
}
const liveVersion = async (name: string) =>
  ((await (await platform.api('GET', `/api/v1/functions/${name}`)).json()) as { liveVersion: number }).liveVersion;

test('a stack is deployed once, then only what has changed of it, and what left it goes when asked', async () => {
  const handler = (says: string) => `export const handler = (): string => '${says}';\n`;
  const api = { name: 'api', memoryMb: 160, env: { MODE: 'one' }, routes: [{ path: '/v1/:id', methods: ['GET'] }] };
  write('hearth.stack.json', { name: 'shop', functions: ['services/*', 'jobs/nightly'] });
  write('services/api/hearth.json', api);
  write('services/api/index.ts', handler('api'));
  write('services/api/lib/tax.ts', 'export const tax = 7;\n');
  write('services/notes.txt', 'no function');
  write('services/web/hearth.json', { name: 'web', description: 'Pages', tags: ['public'] });
  write('services/web/index.ts', handler('web'));
  const schedules = [{ name: 'tick', cron: '0 3 * * *', payload: { all: true } }];
  write('jobs/nightly/hearth.json', { name: 'nightly', schedules });
  write('jobs/nightly/index.ts', handler('nightly'));
  // Somebody else's, which no stack may touch.
  await platform.api('POST', '/api/v1/functions', {
    name: 'other',
    files: { 'index.mjs': handler('other').replace(': string', '') },
  });

  expect((await run('plan')).kinds).toEqual({ api: 'create', web: 'create', nightly: 'create' });
  expect((await run('apply', '--message', 'first')).code).toBe(0);
  expect(await (await fetch(`${platform.gatewayUrl}/v1/7`)).text()).toBe('api');
  const again = await run('apply');
  expect([again.code, again.kinds]).toEqual([0, { api: 'keep', web: 'keep', nightly: 'keep' }]);
  expect(await liveVersion('api')).toBe(1);
  expect((await run('plan', '--check')).code).toBe(0);

  // A setting, a variable, a route, three files; a description alone; a schedule.
  const { memoryMb: _default, ...rest } = api;
  const routes = [{ path: '/v2/:id', methods: ['GET'] }];
  write('services/api/hearth.json', { ...rest, timeoutMs: 900, env: { MODE: 'two' }, routes });
  write('services/api/index.ts', handler('new'));
  rmSync(join(folder, 'services/api/lib/tax.ts'));
  write('services/api/bin/run.sh', '#!/bin/sh\n');
  write('services/web/hearth.json', { name: 'web', description: 'All pages', tags: ['public'] });
  write('jobs/nightly/hearth.json', { name: 'nightly', schedules: [{ ...schedules[0], cron: '0 4 * * *' }] });
  const changed = await run('plan', '--check');
  expect([changed.code, changed.kinds]).toEqual([1, { api: 'deploy', web: 'describe', nightly: 'deploy' }]);
  expect(changed.steps.find(({ name }) => name === 'api')).toEqual({
    kind: 'deploy',
    name: 'api',
    folder: 'services/api',
    fields: [
      { key: 'env.MODE', before: expect.stringMatching(/^•••• /), after: expect.stringMatching(/^•••• /) },
      { key: 'routes.GET /v1/:id', before: '"live"', after: 'not set' },
      { key: 'routes.GET /v2/:id', before: 'not set', after: '"live"' },
      { key: 'timeoutMs', before: '30000', after: '900' },
    ],
    files: [
      { path: 'bin/run.sh', change: 'added' },
      { path: 'index.ts', change: 'changed' },
      { path: 'lib/tax.ts', change: 'removed' },
    ],
    warnings: [],
  });
  const words = await hearth(platform, 'plan', '--file', file());
  expect(words.stdout).toContain('~ api: a new version, from services/api\n');
  expect(words.stdout).toContain('    schedules.tick.cron: "0 3 * * *" -> "0 4 * * *"\n');
  expect(words.stderr).toContain('Stack shop: 0 to create, 3 to change, 0 to delete, 0 unchanged');
  expect(await liveVersion('api')).toBe(1);
  expect((await run('apply')).code).toBe(0);
  expect(await (await fetch(`${platform.gatewayUrl}/v2/7`)).text()).toBe('new');
  expect([await liveVersion('api'), await liveVersion('web'), await liveVersion('nightly')]).toEqual([2, 1, 2]);
  expect((await run('plan', '--check')).code).toBe(0);
  chmodSync(join(folder, 'services/api/bin/run.sh'), 0o755);
  expect((await run('plan')).kinds).toMatchObject({ api: 'deploy' });
  expect((await run('apply')).code).toBe(0);

  // What left the stack is deleted when that is asked for and confirmed; what was never in it stays.
  write('hearth.stack.json', { name: 'shop', functions: ['services/*'] });
  expect((await run('plan')).kinds).toEqual({ api: 'keep', web: 'keep' });
  expect((await run('plan', '--prune')).kinds).toEqual({ api: 'keep', web: 'keep', nightly: 'delete' });
  expect(await run('apply', '--prune')).toMatchObject({ code: 2, stderr: expect.stringContaining('--yes') });
  expect((await run('apply', '--prune', '--yes')).kinds).toMatchObject({ nightly: 'delete' });
  expect((await platform.api('GET', '/api/v1/functions/nightly')).status).toBe(404);
  expect((await platform.api('GET', '/api/v1/functions/other')).status).toBe(200);
});

test('mistakes are said before anything is deployed, and a failure says what is done', async () => {
  write('hearth.stack.json', { name: 'bad', functions: ['bad/*'] });
  expect(await run('plan')).toMatchObject({ code: 2, stderr: expect.stringContaining('bad/*: ENOENT') });
  write('bad/a/hearth.json', { name: 'first' });
  write('bad/a/index.mjs', 'export const handler = () => 1;');
  write('bad/b/hearth.json', { name: 'first' });
  write('bad/b/index.mjs', 'export const handler = () => 1;');
  expect(await run('plan')).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/bad\/a and bad\/b are both called first/),
  });
  write('bad/b/hearth.json', { name: 'second' });
  write('bad/b/index.mjs', 'export const handler = ;');
  expect(await run('apply')).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/deployed first version 1[\s\S]*index\.mjs:1:24/),
  });
  write('bad/b/index.mjs', 'export const handler = () => 2;');
  write('bad/a/hearth.json', { name: 'first', secrets: ['NOT_SET'] });
  expect(await run('plan')).toMatchObject({ code: 2, stderr: expect.stringContaining('hearth secrets set NOT_SET') });
  write('bad/a/hearth.json', { name: 'first' });
  expect((await run('apply')).kinds).toEqual({ first: 'keep', second: 'create' });
  write('hearth.stack.json', { name: 'Bad Name', functions: [] });
  expect(await run('plan')).toMatchObject({ code: 2, stderr: expect.stringMatching(/name: .*\n.*functions: /) });
});
