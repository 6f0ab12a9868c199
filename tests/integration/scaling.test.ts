import { afterEach, describe, expect, it } from 'vitest';
import type { Lease } from '../../backend/core/ports/instance-pool.ts';
import type { VersionSpec } from '../../backend/core/version.ts';
import { ManualClock, settle } from '../fakes/manual-clock.ts';
import { type PoolRigOptions, poolRig, versionOf } from '../fakes/pool-rig.ts';

const never = new AbortController().signal;
const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** A pool whose time only the test moves; boots take no time of that clock but what `boot` says. */
function rig(options: PoolRigOptions = {}) {
  const clock = new ManualClock();
  const made = poolRig({ clock, ...options });
  closers.push(async () => {
    await made.pool.drain(clock.now());
    await expect.poll(() => made.driver.live.length).toBe(0);
  });
  const scaling = (version: VersionSpec) => made.pool.pools().find((view) => view.version === version)?.scaling;
  return { ...made, clock, scaling };
}

/** One instance that holds a slot `holdMs` each time, so that the pool knows it. */
async function teachHold(r: ReturnType<typeof rig>, version: VersionSpec, holdMs: number): Promise<void> {
  for (let i = 0; i < 40; i++) {
    const lease = r.pool.tryAcquire(version) ?? (await r.pool.acquire(version, never));
    r.clock.advance(holdMs);
    lease.release('healthy');
  }
}

/** Starts that take 50 ms of the test's clock. */
async function slowStart(r: ReturnType<typeof rig>, version: VersionSpec): Promise<Lease> {
  const waiting = r.pool.acquire(version, never);
  r.clock.advance(50);
  return await waiting;
}

describe('scaling', () => {
  it('starts nothing for a call that a running instance takes sooner', async () => {
    const r = rig();
    const version = versionOf();
    (await slowStart(r, version)).release('healthy');
    await teachHold(r, version, 2);
    const running = r.pool.tryAcquire(version);
    const waiting = r.pool.acquire(version, never);
    expect(r.scaling(version)).toMatchObject({ boots: 0, isDeferring: true });
    expect(r.scaling(version)?.reason).toContain('is free sooner');
    running?.release('healthy');
    expect((await waiting).instance.id).toBe(running?.instance.id);
    expect(r.driver.created).toHaveLength(1);
    (await waiting).release('healthy');
  });

  it('starts one after all when the running call takes longer than expected', async () => {
    const r = rig();
    const version = versionOf();
    (await slowStart(r, version)).release('healthy');
    await teachHold(r, version, 2);
    const running = r.pool.tryAcquire(version);
    const waiting = r.pool.acquire(version, never);
    expect(r.driver.created).toHaveLength(1);
    r.clock.advance(60);
    const lease = await waiting;
    expect(lease.instance.id).not.toBe(running?.instance.id);
    expect(r.driver.created).toHaveLength(2);
    running?.release('healthy');
    lease.release('healthy');
  });

  it('lets a call go with the instance that frees while a boot for it is under way', async () => {
    const r = rig({ init: (ordinal) => (ordinal === 0 ? 'ready' : 'hang') });
    const version = versionOf();
    const running = await r.pool.acquire(version, never);
    const waiting = r.pool.acquire(version, never);
    await expect.poll(() => r.driver.created.length).toBe(2);
    running.release('healthy');
    expect((await waiting).instance.id).toBe(running.instance.id);
    (await waiting).release('healthy');
  });

  it('gives calls that are short but always many their instances, seconds later, and takes them back', async () => {
    const r = rig({ settings: { sweepIntervalMs: 1000 } });
    await r.pool.start();
    const version = versionOf();
    (await slowStart(r, version)).release('healthy');
    await teachHold(r, version, 2);
    // Three at a time, in every second.
    for (let second = 0; second < 8; second++) {
      const leases = await Promise.all(
        [0, 1, 2].map(async () => {
          const lease = await r.pool.acquire(version, never);
          r.clock.advance(2);
          lease.release('healthy');
        }),
      );
      expect(leases).toHaveLength(3);
      const held = r.pool.tryAcquire(version);
      r.clock.advance(994);
      await settle();
      held?.release('healthy');
    }
    await expect.poll(() => r.driver.live.length).toBeGreaterThanOrEqual(2);
    expect(r.driver.live.length).toBeLessThanOrEqual(3);
    r.clock.advance(1000);
    for (let i = 0; i < 900; i++) r.clock.advance(1000);
    await expect.poll(() => r.driver.live.length).toBe(0);
    await expect.poll(() => r.scaling(version)?.mode ?? 'zero').toBe('zero');
  });

  it('says that starts fail', async () => {
    const r = rig({ init: () => 'fail' });
    const version = versionOf();
    for (let i = 0; i < 5; i++) await expect(r.pool.acquire(version, never)).rejects.toThrow();
    expect(r.scaling(version)).toMatchObject({ boots: 0 });
    expect(r.scaling(version)?.reason).toMatch(/failed/);
  });

  it('keeps instances warm within their window, and no longer', async () => {
    // The clock starts at 2030-01-01T00:00Z, a Tuesday.
    const r = rig({ settings: { sweepIntervalMs: 1000 } });
    await r.pool.start();
    const window = { minInstances: 2, days: ['tue' as const], from: '01:02', to: '01:04', timeZone: 'Europe/Berlin' };
    const version = versionOf({ provisionedWindows: [window], idleTimeoutMs: 1000 });
    r.pool.provision([version]);
    const pass = async (ms: number) => {
      r.clock.advance(ms);
      await settle();
    };
    await pass(119_000);
    expect(r.driver.created).toHaveLength(0);
    await pass(1000);
    await expect.poll(() => r.scaling(version)?.target).toBe(2);
    await expect.poll(() => r.pool.pools()[0]?.instances.filter(({ state }) => state === 'idle').length).toBe(2);
    const lease = r.pool.tryAcquire(version);
    expect(lease?.start).toBe('provisioned');
    lease?.release('healthy');
    await pass(119_000);
    expect(r.driver.live).toHaveLength(2);
  });

  it('gives instances of a window up when it is over', async () => {
    const r = rig({ settings: { sweepIntervalMs: 1000 } });
    await r.pool.start();
    const window = { minInstances: 2, days: ['tue' as const], from: '00:00', to: '00:01', timeZone: 'UTC' };
    const version = versionOf({ provisionedWindows: [window], idleTimeoutMs: 1000 });
    r.pool.provision([version]);
    await expect.poll(() => r.pool.pools()[0]?.instances.filter(({ state }) => state === 'idle').length).toBe(2);
    for (let i = 0; i < 70; i++) r.clock.advance(1000);
    await expect.poll(() => r.driver.live.length).toBe(0);
  });

  it('keeps nothing of a version that is not provisioned any more', async () => {
    const r = rig({ settings: { sweepIntervalMs: 1000 } });
    await r.pool.start();
    const version = versionOf({ minInstances: 1, idleTimeoutMs: 1000 });
    r.pool.provision([version]);
    await expect.poll(() => r.pool.pools()[0]?.instances.filter(({ state }) => state === 'idle').length).toBe(1);
    r.pool.provision([]);
    for (let i = 0; i < 5; i++) r.clock.advance(1000);
    await expect.poll(() => r.driver.live.length).toBe(0);
  });
});
