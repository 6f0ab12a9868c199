import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { acceptedSchema } from '../../shared/api/invocations.ts';
import { eventually, type Platform, startPlatform } from '../support/platform.ts';

let platform: Platform;
beforeAll(async () => {
  platform = await startPlatform();
});
afterAll(async () => {
  process.kill(platform.pid, 'SIGCONT');
  await platform.dispose();
});

/** Longer than the time-out of the calls below, so that deadlines pass while nobody can look at them. */
const stoppedMs = 3000;

describe('a platform that is stopped and goes on, as in a suspended machine', () => {
  it('runs what was queued once, ends what is too late, and serves the next call', async () => {
    const source = `import { setTimeout as sleep } from 'node:timers/promises';
      let runs = 0;
      export async function handler({ ms }) { runs++; await sleep(ms); return { ms, runs }; }`;
    const made = await platform.api('POST', '/api/v1/functions', {
      name: 'slow',
      files: { 'index.mjs': source },
      // Room for all of them at once: a call that waited for the queued ones until its deadline would be 503 instead.
      concurrency: 16,
      maxInstances: 1,
      timeoutMs: 2000,
      retry: { maxAttempts: 5, maxAgeMs: 3_600_000, minBackoffMs: 10, maxBackoffMs: 100 },
    });
    expect(made.status, await made.clone().text()).toBe(201);
    const call = async (ms: number) => await platform.api('POST', '/api/v1/functions/slow/invocations', { ms });
    // Once an instance is there, which on a busy machine takes longer than the calls may.
    await eventually(async () => expect((await call(0)).status).toBe(200));

    const queued: string[] = [];
    for (let n = 0; n < 10; n++) {
      const response = await platform.api('POST', '/api/v1/functions/slow/invocations?mode=async', { ms: 100 });
      queued.push(acceptedSchema.parse(await response.json()).id);
    }
    const inFlight = Promise.all([call(200), call(60_000)]);
    await sleep(50);
    for (let round = 0; round < 2; round++) {
      process.kill(platform.pid, 'SIGSTOP');
      await sleep(stoppedMs / 2);
      process.kill(platform.pid, 'SIGCONT');
    }
    const [quick, endless] = await inFlight;
    // It answered in time, though nobody listened: either is true.
    expect([200, 504]).toContain(quick.status);
    expect(endless.status).toBe(504);
    expect((await fetch(`${platform.url}/healthz`)).status).toBe(200);
    await eventually(async () => {
      const response = await call(0);
      expect(response.status).toBe(200);
    });
    for (const id of queued) {
      await eventually(async () => {
        const response = await platform.api('GET', `/api/v1/invocations/${id}`);
        expect(await response.json()).toMatchObject({ status: 'success' });
      });
    }
  });
});
