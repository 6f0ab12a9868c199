import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { limits } from '../../shared/limits.ts';
import { type ApiRig, apiRig, brokenPlace } from '../support/api-rig.ts';
import { EventReader } from '../support/event-reader.ts';

const files = { 'index.mjs': 'export const handler = () => 1;' };
/** Ends builds that a test holds back. */
let open: () => void = () => undefined;
let rig: ApiRig;
let url: string;
beforeAll(async () => {
  rig = await apiRig();
  url = await rig.app.listen({ port: 0, host: '127.0.0.1' });
});
afterEach(() => open());
afterAll(() => rig[Symbol.asyncDispose]());

type Method = 'GET' | 'POST' | 'DELETE';
const call = (method: Method, path: string, payload?: object, headers: Record<string, string> = {}) =>
  rig.app.inject({
    ...{ method, url: `/api/v1${path}`, headers: { ...rig.as.admin, ...headers } },
    ...(payload === undefined ? {} : { payload }),
  });
const detached = { prefer: 'respond-async', 'hearth-client': 'cli' };
const listed = async (path: string) => (await call('GET', path)).json().items;

/** Holds the next builds back until `open`. */
function holdBuilds(): void {
  const { promise, resolve } = Promise.withResolvers<void>();
  rig.bundles.gate = promise;
  open = resolve;
}

async function settled(id: string) {
  const reader = await follow(id);
  return (await reader.until(({ event }) => event === 'end'))?.data;
}

const follow = (id: string, headers: Record<string, string> = {}): Promise<EventReader> =>
  EventReader.open(`${url}/api/v1/builds/${id}/log?follow=1`, { ...rig.as.admin, ...headers });

test('every deploy leaves a build: who, from where, why, its steps and what came of it', async () => {
  const made = await call(
    'POST',
    '/functions',
    { name: 'one', files, message: 'first' },
    { 'hearth-client': 'dashboard' },
  );
  expect(made.statusCode).toBe(201);
  expect((await call('POST', '/functions/one/versions', { memoryMb: 256 })).statusCode).toBe(201);
  const [second, first] = await listed('/functions/one/builds');
  expect(first).toMatchObject({
    ...{ id: made.headers['hearth-build-id'], functionName: 'one', state: 'ready', version: 1, message: 'first' },
    ...{ source: 'dashboard', error: null },
  });
  expect(first.steps.map(({ name }: { name: string }) => name)).toEqual(['unpack', 'check', 'activate']);
  expect(first.steps.every(({ finishedAt }: { finishedAt: string | null }) => finishedAt !== null)).toBe(true);
  expect(second).toMatchObject({ state: 'ready', version: 2, source: 'api', message: '' });
  const { lines } = (await call('GET', `/builds/${second.id}/log`)).json();
  expect(lines).toMatchObject([{ seq: 1, step: null, text: 'reused the bundle of version 1' }]);
  expect(await listed('/builds?function=one')).toHaveLength(2);
  expect((await call('DELETE', '/functions/one')).statusCode).toBe(204);
  expect(await listed('/builds')).toEqual([]);
  expect((await call('GET', '/functions/one/builds')).json().code).toBe('function_not_found');
});

test('a build that fails is kept, also of a function that never was', async () => {
  const refused = await call('POST', '/functions', { name: 'never', files: { ...files, broken: '' } });
  expect(refused.statusCode).toBe(422);
  const [build] = await listed('/functions/never/builds');
  expect(await listed('/builds?withoutFunction=1')).toEqual([build]);
  expect(build).toMatchObject({
    ...{ id: refused.headers['hearth-build-id'], state: 'failed', version: null },
    error: { status: 422, code: 'build_failed', message: 'the build failed', buildErrors: [brokenPlace] },
  });
  const { lines } = (await call('GET', `/builds/${build.id}/log`)).json();
  expect(lines).toMatchObject([{ step: 'unpack', text: 'unpacking' }]);
  // What could be told at once is an answer, and no build.
  expect((await call('POST', '/functions', { name: 'Bad', files })).statusCode).toBe(400);
  expect(await listed('/builds')).toEqual([build]);
});

test('nobody has to wait: 202, and a stream that says how it goes on and can be taken up again', async () => {
  holdBuilds();
  const accepted = await call('POST', '/functions', { name: 'slow', files }, detached);
  expect(accepted.statusCode).toBe(202);
  const { id, state, source } = accepted.json();
  expect(accepted.headers).toMatchObject({ location: `/api/v1/builds/${id}`, 'preference-applied': 'respond-async' });
  expect([source, ['queued', 'building'].includes(state)]).toEqual(['cli', true]);
  const reader = await follow(id);
  const line = await reader.until(({ event }) => event === 'line');
  expect(line).toMatchObject({ id: '1', data: { seq: 1, step: 'unpack', text: 'unpacking' } });
  const again = await follow(id, { 'last-event-id': '1' });
  await again.until(({ event }) => event === 'build');
  open();
  const end = await reader.until(({ event }) => event === 'end');
  expect(end?.data).toMatchObject({ id, state: 'ready', version: 1 });
  expect(await reader.until(() => false)).toBeUndefined();
  await again.until(({ event }) => event === 'end');
  expect(again.events.filter(({ event }) => event === 'line')).toEqual([]);
  // From the store it is the same, and at once.
  const later = await follow(id);
  await later.until(({ event }) => event === 'end');
  expect(later.events.map(({ event }) => event)).toEqual(['line', 'end']);
  expect((await call('GET', '/functions/slow')).statusCode).toBe(200);
});

test('an archive outlives the request that nobody waits for', async () => {
  holdBuilds();
  const form = new FormData();
  form.set('config', JSON.stringify({ name: 'packed' }));
  form.set('bundle', new Blob([new Uint8Array([0x1f, 0x8b, 0, 0])]), 'a.tar.gz');
  const packed = new Response(form);
  const accepted = await rig.app.inject({
    ...{ method: 'POST', url: '/api/v1/functions?wait=false' },
    headers: { ...rig.as.admin, 'content-type': packed.headers.get('content-type') ?? '' },
    payload: Buffer.from(await packed.arrayBuffer()),
  });
  expect(accepted.statusCode).toBe(202);
  open();
  expect(await settled(accepted.json().id)).toMatchObject({ state: 'ready' });
});

test('a build is cancelled by whoever may deploy, and the one who waits for it is told', async () => {
  holdBuilds();
  const waiting = call('POST', '/functions', { name: 'waited-for', files });
  const newest = async () => (await listed('/builds'))[0];
  await expect.poll(newest).toMatchObject({ functionName: 'waited-for' });
  const { id } = await newest();
  expect((await call('DELETE', `/builds/${id}`, undefined, rig.as.read)).statusCode).toBe(403);
  expect((await call('DELETE', `/builds/${id}`)).statusCode).toBe(204);
  const told = await waiting;
  expect([told.statusCode, told.json().code]).toEqual([409, 'build_cancelled']);
  expect((await call('GET', `/builds/${id}`)).json()).toMatchObject({ state: 'cancelled', version: null });
  expect((await call('DELETE', `/builds/${id}`)).json().code).toBe('build_over');
  expect((await call('GET', '/functions/waited-for')).statusCode).toBe(404);
});

test('a function that is deleted takes its builds with it, also one that runs', async () => {
  await call('POST', '/functions', { name: 'gone', files });
  holdBuilds();
  const accepted = await call('POST', '/functions/gone/versions', { files: { 'index.mjs': '2' } }, detached);
  const reader = await follow(accepted.json().id);
  expect((await call('DELETE', '/functions/gone')).statusCode).toBe(204);
  const end = await reader.until(({ event }) => event === 'end');
  expect(end?.data).toMatchObject({ state: 'cancelled', error: { code: 'build_cancelled' } });
  expect((await call('GET', '/functions/gone/builds')).statusCode).toBe(404);
});

test('what a platform that ended left behind is failed at the next start', async () => {
  holdBuilds();
  const { id } = (await call('POST', '/functions', { name: 'cut', files }, detached)).json();
  // As another process finds it.
  const next = await rig.restart();
  expect(await next.builds.get('default', id)).toMatchObject({ state: 'failed', error: { code: 'platform_stopped' } });
  await next.settled();
});

test('only so many go on without anybody who waits', async () => {
  holdBuilds();
  const statuses: number[] = [];
  for (let i = 0; i <= limits.maxUnattendedBuilds; i++)
    statuses.push((await call('POST', '/functions', { name: `many-${i}`, files }, detached)).statusCode);
  expect(statuses).toEqual([...Array(limits.maxUnattendedBuilds).fill(202), 429]);
  open();
  const states = async () => (await listed('/builds?limit=32')).map(({ state }: { state: string }) => state);
  await expect.poll(states).toEqual(Array(limits.maxUnattendedBuilds).fill('ready'));
});

test('one that stops lets builds end for a while, then ends them', async () => {
  holdBuilds();
  const { id } = (await call('POST', '/functions', { name: 'stopped', files }, detached)).json();
  await rig.controlPlane.builds.close(1);
  expect((await call('GET', `/builds/${id}`)).json()).toMatchObject({
    state: 'failed',
    error: { code: 'platform_stopped' },
  });
  expect((await call('POST', '/functions', { name: 'late', files })).json().code).toBe('platform_stopped');
});
