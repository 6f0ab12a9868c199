import { afterEach, expect, it } from 'vitest';
import type { VersionSpec } from '../../backend/core/version.ts';
import { minuteMs } from '../../shared/durations.ts';
import { ManualClock, settle } from '../fakes/manual-clock.ts';
import { type PoolRigOptions, poolRig, versionOf } from '../fakes/pool-rig.ts';

const never = new AbortController().signal;
const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

function rig(settings: PoolRigOptions['settings']) {
  const clock = new ManualClock();
  const made = poolRig({ clock, settings: { sweepIntervalMs: 10_000, ...settings } });
  const use = async (version: VersionSpec) => {
    const lease = made.pool.tryAcquire(version) ?? (await made.pool.acquire(version, never));
    clock.advance(10);
    lease.release('healthy');
    return lease.start;
  };
  const isThere = (version: VersionSpec) =>
    made.pool.pools().some((view) => view.version === version && view.instances.some(({ state }) => state === 'idle'));
  const keepAlive = (version: VersionSpec) => made.pool.pools().find((view) => view.version === version)?.keepAlive;
  closers.push(async () => {
    await made.pool.drain(clock.now() + 1000);
    await expect.poll(() => made.driver.live.length).toBe(0);
  });
  return { ...made, clock, use, isThere, keepAlive };
}

it('gives up the instance that is expected to save least for its memory, not the one used longest ago', async () => {
  const r = rig({ memoryBudgetMb: 640 });
  const [small, large, other] = [
    versionOf({ memoryMb: 64 }),
    versionOf({ memoryMb: 512 }),
    versionOf({ memoryMb: 128 }),
  ];
  await r.use(small);
  r.clock.advance(1000);
  await r.use(large);
  await r.use(other);
  expect(r.isThere(small)).toBe(true);
  expect(r.isThere(large)).toBe(false);
});

it('keeps the instance of a function whose next call is near', async () => {
  const r = rig({ memoryBudgetMb: 256 });
  const [regular, once, other] = [versionOf(), versionOf(), versionOf()];
  // Every two minutes: the next call is due within the horizon nearly for certain.
  for (let i = 0; i < 8; i++) {
    await r.use(regular);
    r.clock.advance(2 * minuteMs);
    await settle();
  }
  await r.use(regular);
  r.clock.advance(minuteMs);
  // Used later, but nothing is known of it.
  await r.use(once);
  await r.use(other);
  expect(r.isThere(regular)).toBe(true);
  expect(r.isThere(once)).toBe(false);
});

it('counts what idle memory has bought', async () => {
  const r = rig({});
  await r.pool.start();
  const version = versionOf({ memoryMb: 120, idleTimeoutMs: 30 * minuteMs });
  await r.use(version);
  for (let i = 0; i < 60; i++) r.clock.advance(10_000);
  expect(r.keepAlive(version)).toMatchObject({ coldStartsAvoided: 0 });
  expect(r.keepAlive(version)?.idleMbHours).toBeCloseTo(20, 0);
  expect(await r.use(version)).toBe('warm');
  expect(r.keepAlive(version)?.coldStartsAvoided).toBe(1);
});
