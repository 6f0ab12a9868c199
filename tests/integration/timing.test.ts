import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { invocationDetailSchema, invocationPageSchema } from '../../shared/api/invocations.ts';
import { poolsSchema } from '../../shared/api/system.ts';
import type { StartKind } from '../../shared/invocation.ts';
import { phaseNames, phasesOf } from '../../shared/phases.ts';
import { eventually, type Platform, startPlatform } from '../support/platform.ts';

let platform: Platform;
beforeAll(async () => {
  platform = await startPlatform({ environment: { HEARTH_PREWARM: '1' } });
});
afterAll(async () => await platform.dispose());

const source = `
import { setTimeout as sleep } from 'node:timers/promises';
export async function init() { await sleep(20); }
export async function handler(event) { await sleep(20); return event.rawPath; }`;

async function deploy(name: string, config: object = {}): Promise<void> {
  const body = { name, files: { 'index.mjs': source }, runtime: 'nodejs', ...config };
  const response = await platform.api('POST', '/api/v1/functions', body);
  expect(response.status, await response.clone().text()).toBe(201);
}
const preWarmed = async (wanted = 'nodejs'): Promise<void> => {
  const pools = poolsSchema.parse(await (await platform.api('GET', '/api/v1/system/pools')).json());
  expect(pools.preWarmed.some(({ runtime, count }) => runtime === wanted && count > 0)).toBe(true);
};

/** A call through the gateway, its record, and what the client saw. */
async function timed(path: string, expectedStart: StartKind, expectedStatus = 200) {
  const beganMs = performance.now();
  const response = await fetch(`${platform.gatewayUrl}${path}`);
  await response.arrayBuffer();
  const seenMs = performance.now() - beganMs;
  expect(response.status).toBe(expectedStatus);
  const id = response.headers.get('hearth-invocation-id') ?? '';
  const { start, timing } = await eventually(async () =>
    invocationDetailSchema.parse(await (await platform.api('GET', `/api/v1/invocations/${id}`)).json()),
  );
  expect(start).toBe(expectedStart);
  if (timing === null) throw new Error('the record has no timing');
  const phases = phasesOf(timing);
  const sumMs = phaseNames.reduce((sum, name) => sum + phases[name], 0);
  expect(Math.abs(sumMs - timing.totalMs), JSON.stringify(timing)).toBeLessThanOrEqual(1);
  expect(timing.totalMs).toBeLessThanOrEqual(seenMs + 1);
  const header = response.headers.get('server-timing') ?? '';
  expect(header).toContain(`start;desc="${expectedStart}"`);
  const named = Object.fromEntries(
    [...header.matchAll(/([a-z]+);dur=([\d.]+)/g)].map(([, name, ms]) => [name, Number(ms)]),
  );
  for (const name of phaseNames) expect(named[name] ?? 0).toBeCloseTo(phases[name], 1);
  expect(named['total']).toBeCloseTo(timing.totalMs, 1);
  return phases;
}

async function answered(path: string, expectedStart: StartKind) {
  const phases = await timed(path, expectedStart);
  expect(phases.handler).toBeGreaterThan(15);
  return phases;
}

describe('the phases of a call are its whole time', () => {
  it('from a pre-warmed sandbox, and warm after that', async () => {
    await deploy('ahead');
    await eventually(async () => await preWarmed());
    const first = await answered('/ahead', 'pre-warmed');
    // Linking one file in takes less than what is shown of a millisecond where the bundle is open already.
    expect(first.boot).toBe(0);
    expect(first.init).toBeGreaterThan(15);
    const second = await answered('/ahead', 'warm');
    expect([second.boot, second.specialise, second.init]).toEqual([0, 0, 0]);
  });

  it('from a sandbox that has imported modules ahead, which Python functions find loaded', async () => {
    const main = `
import sys
loaded = [name for name in ("decimal", "sqlite3", "http.client") if name in sys.modules]
def handler(event, context):
    return {"loaded": loaded}`;
    const config = { runtime: 'python', handler: 'main.handler', files: { 'main.py': main } };
    const call = async (name: string): Promise<{ start: string | null; body: unknown }> => {
      const response = await fetch(`${platform.gatewayUrl}/${name}`);
      const start = /start;desc="([a-z-]+)"/.exec(response.headers.get('server-timing') ?? '')?.[1] ?? null;
      return { start, body: await response.json() };
    };
    await deploy('modules', config);
    await eventually(async () => await preWarmed('python'));
    expect(await call('modules')).toEqual({
      start: 'preloaded',
      body: { loaded: ['decimal', 'sqlite3', 'http.client'] },
    });
    await deploy('no-modules', { ...config, memoryMb: 208 });
    expect(await call('no-modules')).toEqual({ start: 'cold', body: { loaded: [] } });
  });

  it('cold', async () => {
    await deploy('afresh', { memoryMb: 192 });
    const first = await answered('/afresh', 'cold');
    expect(first.boot).toBeGreaterThan(0);
    expect(first.init).toBeGreaterThan(15);
  });

  it('provisioned, and warm after that', async () => {
    await deploy('kept', { memoryMb: 144, minInstances: 1 });
    await eventually(async () => {
      const pools = poolsSchema.parse(await (await platform.api('GET', '/api/v1/system/pools')).json());
      const kept = pools.pools.find((item) => item.functionName === 'kept');
      expect(kept?.instances.map((instance) => instance.state)).toEqual(['idle']);
    });
    const first = await answered('/kept', 'provisioned');
    expect([first.boot, first.specialise, first.init]).toEqual([0, 0, 0]);
    await answered('/kept', 'warm');
  });

  it('of a start that failed, as far as it came', async () => {
    const files = { 'index.mjs': `${source} await sleep(40); throw new Error('not today');` };
    await deploy('not-today', { memoryMb: 224, files });
    const cold = await timed('/not-today', 'none', 502);
    expect(cold.boot).toBeGreaterThan(0);
    expect(cold.init).toBeGreaterThan(35);
    expect(cold.handler).toBe(0);
    await eventually(async () => await preWarmed());
    await deploy('not-here', { files });
    const specialised = await timed('/not-here', 'none', 502);
    expect(specialised.init).toBeGreaterThan(35);
  });

  it('of a caller who gave up during a start, as far as that had come', async () => {
    const files = { 'index.mjs': `${source} await sleep(2000);` };
    await deploy('too-slow', { memoryMb: 240, files });
    const call = fetch(`${platform.gatewayUrl}/too-slow`, { signal: AbortSignal.timeout(500) });
    await expect(call).rejects.toMatchObject({ name: 'TimeoutError' });
    const timing = await eventually(async () => {
      const page = await platform.api('GET', '/api/v1/invocations?function=too-slow');
      const [found] = invocationPageSchema.parse(await page.json()).items;
      if (found?.status !== 'cancelled' || found.timing === null) throw new Error(`it is ${found?.status}`);
      return found.timing;
    });
    const phases = phasesOf(timing);
    expect(phases.boot).toBeGreaterThan(0);
    expect(phases.acquire).toBeLessThan(timing.totalMs / 2);
    const sumMs = phaseNames.reduce((sum, name) => sum + phases[name], 0);
    expect(Math.abs(sumMs - timing.totalMs)).toBeLessThanOrEqual(1);
  });

  it('of an asynchronous call, from when it was due', async () => {
    await deploy('one-at-a-time', { maxInstances: 1, retry: { maxAttempts: 1 } });
    const path = '/api/v1/functions/one-at-a-time/invocations?mode=async';
    const ids = await Promise.all(
      Array.from({ length: 6 }, async () => {
        const response = await platform.api('POST', path, {});
        expect(response.status, await response.clone().text()).toBe(202);
        return ((await response.json()) as { id: string }).id;
      }),
    );
    const details = await eventually(async () => {
      const found = await Promise.all(
        ids.map(async (id) =>
          invocationDetailSchema.parse(await (await platform.api('GET', `/api/v1/invocations/${id}`)).json()),
        ),
      );
      expect(found.map(({ status }) => status)).toEqual(ids.map(() => 'success'));
      return found;
    });
    for (const { timing, createdAt, finishedAt } of details) {
      if (timing === null || finishedAt === null) throw new Error('it is over and has no timing');
      const phases = phasesOf(timing);
      const sumMs = phaseNames.reduce((sum, name) => sum + phases[name], 0);
      expect(Math.abs(sumMs - timing.totalMs)).toBeLessThanOrEqual(1);
      // It was due when it was accepted, and the record is written behind the end.
      expect(timing.totalMs).toBeLessThanOrEqual(Date.parse(finishedAt) - Date.parse(createdAt) + 2);
    }
    const waits = details.map(({ timing }) => (timing?.queuedMs ?? 0) + (timing?.acquireMs ?? 0));
    // The last waits for five handlers of 20 ms.
    expect(Math.max(...waits)).toBeGreaterThan(95);
  });

  it('whatever started it, and however it ended', async () => {
    const main = `
const hang = (signal) => new Promise((resolve, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))));
export default {
  async fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    if (pathname.endsWith('/socket')) {
      const { socket, response } = ctx.upgradeWebSocket(request);
      socket.addEventListener('message', () => socket.close(1000));
      return response;
    }
    if (pathname.endsWith('/error')) throw new Error('no');
    if (pathname.endsWith('/hang')) await hang(request.signal);
    if (pathname.endsWith('/stream')) return new Response(ReadableStream.from(['a', 'b']));
    return new Response('ok');
  },
};
export async function handle(event, { signal }) {
  if (event?.op === 'hang') await hang(signal);
  if (event?.op === 'error') throw new Error('no');
  return null;
}`;
    const config = { files: { 'index.mjs': main }, concurrency: 4, maxInstances: 1, timeoutMs: 2000 };
    await deploy('fetching', { ...config, concurrency: 8 });
    const schedules = [{ name: 'often', cron: '* * * * * *' }];
    const batch = { maxSize: 4, windowMs: 5 };
    await deploy('events', { ...config, handler: 'index.handle', batch, retry: { maxAttempts: 1 }, schedules });
    await deploy('broken', { files: { 'index.mjs': 'throw new Error("not today")' } });
    const { gatewayUrl } = platform;
    // Their starts are not to use up the time of calls that hang.
    await eventually(async () => {
      expect((await fetch(`${gatewayUrl}/fetching`)).status).toBe(200);
      expect((await platform.api('POST', '/api/v1/functions/events/invocations', {})).status).toBe(200);
    });
    await Promise.allSettled([
      ...['/fetching', '/fetching/error', '/fetching/hang', '/fetching/stream', '/broken'].map(
        async (path) => await (await fetch(`${gatewayUrl}${path}`)).arrayBuffer(),
      ),
      fetch(`${gatewayUrl}/fetching/hang`, { signal: AbortSignal.timeout(1000) }),
      new Promise((resolve) => {
        const socket = new WebSocket(`${gatewayUrl.replace('http', 'ws')}/fetching/socket`);
        socket.onopen = () => socket.send('end');
        socket.onclose = resolve;
      }),
      ...['', 'error', 'hang', ''].flatMap((op) =>
        ['sync', 'async'].map((mode) =>
          platform.api('POST', `/api/v1/functions/events/invocations?mode=${mode}`, { op }),
        ),
      ),
    ]);
    const seen = await eventually(async () => {
      const lists = ['fetching', 'events', 'broken'].map(async (name) => {
        const response = await platform.api('GET', `/api/v1/invocations?limit=200&function=${name}`);
        return invocationPageSchema.parse(await response.json()).items;
      });
      const over = (await Promise.all(lists)).flat().filter(({ finishedAt }) => finishedAt !== null);
      const kinds = over.map(
        ({ trigger, status, error }) => `${trigger} ${error?.type === 'timeout' ? 'timeout' : status}`,
      );
      const expected = [
        'api function-error',
        'api success',
        'api timeout',
        'async dead-letter',
        'async success',
        'async timeout',
        'http cancelled',
        'http function-error',
        'http function-fault',
        'http success',
        'http timeout',
        'schedule success',
      ];
      expect(kinds).toEqual(expect.arrayContaining(expected));
      expect(over.some(({ httpStatus }) => httpStatus === 101)).toBe(true);
      return over;
    });
    for (const { timing, ...call } of seen) {
      if (timing === null) throw new Error(`no timing: ${JSON.stringify(call)}`);
      const phases = phasesOf(timing);
      const sumMs = phaseNames.reduce((sum, name) => sum + phases[name], 0);
      expect(Math.abs(sumMs - timing.totalMs), JSON.stringify({ timing, call })).toBeLessThanOrEqual(1);
      expect(Math.min(...Object.values(phases)), JSON.stringify({ timing, call })).toBeGreaterThanOrEqual(0);
    }
  });

  it('when the start was begun for somebody else, of which a call pays what it waited for', async () => {
    await deploy('provisioned', { memoryMb: 160, minInstances: 1 });
    const [one, other] = await Promise.all(
      ['/provisioned/a', '/provisioned/b'].map((path) => fetch(`${platform.gatewayUrl}${path}`)),
    );
    for (const response of [one, other]) {
      const header = response?.headers.get('server-timing') ?? '';
      const parts = [...header.matchAll(/([a-z]+);dur=([\d.]+)/g)];
      const sumMs = parts.filter(([, name]) => name !== 'total').reduce((sum, [, , ms]) => sum + Number(ms), 0);
      const totalMs = Number(parts.find(([, name]) => name === 'total')?.[2]);
      expect(Math.abs(sumMs - totalMs), header).toBeLessThanOrEqual(1);
    }
  });
});
