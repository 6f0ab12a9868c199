import { existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { acceptedSchema } from '../../shared/api/invocations.ts';
import { eventually, type Platform, startPlatform } from '../support/platform.ts';
import { skippedFor } from '../support/skip-reason.ts';

const library = '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1';
const reason = existsSync(library) ? undefined : 'libfaketime is not installed';
const hourSeconds = 3600;

/** Every five minutes, the next time in two to three: no true tick comes between the looks of the tests. */
const everyFiveMinutes = (): string => `${(new Date().getUTCMinutes() + 3) % 5}-59/5 * * * *`;

/** The platform sees a wall clock that the test moves, as an administrator or NTP does; its monotonic clock goes on as it is. */
describe.skipIf(reason !== undefined)(`a wall clock that jumps${skippedFor(reason)}`, () => {
  const directory = mkdtempSync(join(tmpdir(), 'hearth-clock-'));
  const offset = join(directory, 'offset');
  let platform: Platform;

  /** Seconds that the platform's clock is ahead of the true one; at once, for the file is never seen half written. */
  const jumpTo = (seconds: number): void => {
    writeFileSync(`${offset}.new`, `+${seconds}`);
    renameSync(`${offset}.new`, offset);
  };
  const call = async (ms: number) => await platform.api('POST', '/api/v1/functions/slow/invocations', { ms });
  const ticks = async (): Promise<number> => {
    const response = await platform.api('GET', '/api/v1/invocations?trigger=schedule&limit=100');
    return ((await response.json()) as { items: unknown[] }).items.length;
  };

  beforeAll(async () => {
    jumpTo(0);
    platform = await startPlatform({
      environment: {
        LD_PRELOAD: library,
        FAKETIME_TIMESTAMP_FILE: offset,
        FAKETIME_NO_CACHE: '1',
        FAKETIME_DONT_FAKE_MONOTONIC: '1',
      },
    });
    const source = `import { setTimeout as sleep } from 'node:timers/promises';
      let runs = 0;
      export async function handler(event) { runs++; await sleep(event?.ms ?? 0); return { runs }; }`;
    const made = await platform.api('POST', '/api/v1/functions', {
      name: 'slow',
      files: { 'index.mjs': source },
      concurrency: 8,
      maxInstances: 1,
      timeoutMs: 30_000,
      schedules: [{ name: 'often', cron: everyFiveMinutes() }],
    });
    expect(made.status, await made.clone().text()).toBe(201);
    // A call that still waits for its instance when the clock jumps is late.
    await eventually(async () => expect((await call(0)).status).toBe(200));
  });
  afterAll(async () => {
    await platform.dispose();
    rmSync(directory, { recursive: true, force: true });
  });

  it('an hour ahead: running calls go on, queued work runs once, a schedule makes up for one tick', async () => {
    const fired = await ticks();
    const queued = await platform.api('POST', '/api/v1/functions/slow/invocations?mode=async', { ms: 1500 });
    const { id } = acceptedSchema.parse(await queued.json());
    const running = call(1500);
    await sleep(300);
    jumpTo(hourSeconds);
    expect((await running).status).toBe(200);
    expect((await call(0)).status).toBe(200);
    await eventually(async () => {
      const response = await platform.api('GET', `/api/v1/invocations/${id}`);
      expect(await response.json()).toMatchObject({ status: 'success', attempts: 1 });
    });
    await eventually(async () => expect(await ticks()).toBeGreaterThan(fired));
    // Twelve were missed; another comes when the true time for one comes on a very slow machine.
    expect(await ticks()).toBeLessThanOrEqual(fired + 2);
  });

  it('back again: calls are served, no tick comes twice', async () => {
    const fired = await ticks();
    const running = call(1500);
    await sleep(300);
    jumpTo(0);
    expect((await running).status).toBe(200);
    expect((await call(0)).status).toBe(200);
    // The ticker looks at the clock every ten seconds.
    await sleep(10_500);
    expect(await ticks()).toBe(fired);
  });
});
