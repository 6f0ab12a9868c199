import { afterEach, describe, expect, it } from 'vitest';
import type { VersionSpec } from '../../backend/core/version.ts';
import type { PoolSettings } from '../../backend/execution-engine/pool/pool-settings.ts';
import { minuteMs } from '../../shared/durations.ts';
import { ManualClock, settle } from '../fakes/manual-clock.ts';
import { invocationOf, KeepingSink, poolRig, versionOf } from '../fakes/pool-rig.ts';

const never = new AbortController().signal;
const closers: (() => Promise<void>)[] = [];

/** A pool whose time only the test moves. */
function rig(settings: Partial<PoolSettings> = {}) {
  const clock = new ManualClock();
  const made = poolRig({ clock, settings: { sweepIntervalMs: 10_000, ...settings } });
  /** Time goes by; boots, which happen in real time, are waited for. */
  const pass = async (ms: number) => {
    const isStarting = () =>
      made.pool.pools().some(({ instances }) => instances.some(({ state }) => state === 'starting'));
    for (let left = ms; left > 0; left -= 10_000) {
      clock.advance(Math.min(10_000, left));
      await settle();
      if (isStarting()) await expect.poll(isStarting).toBe(false);
    }
  };
  const call = async (version: VersionSpec) => {
    const lease = made.pool.tryAcquire(version) ?? (await made.pool.acquire(version, never));
    const result = await lease.instance.invoke({
      invocation: invocationOf(version, {}, clock),
      sink: new KeepingSink(),
      signal: never,
    });
    expect(result.outcome.kind).toBe('success');
    lease.release('healthy');
    return lease.start;
  };
  const live = () => made.driver.live.length;
  const keepAlive = (version: VersionSpec) => made.pool.pools().find((view) => view.version === version)?.keepAlive;
  closers.push(async () => {
    await made.pool.drain(clock.now() + 1000);
    await expect.poll(live).toBe(0);
  });
  return { ...made, clock, pass, call, live, keepAlive };
}

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** Calls every `everyMs` until enough was seen to foretell the next call. */
async function teach(r: ReturnType<typeof rig>, version: VersionSpec, everyMs: number): Promise<void> {
  for (let i = 0; i < 6; i++) {
    await r.call(version);
    await r.pass(i < 5 ? everyMs : 0);
  }
}

describe('predictive keep-alive', () => {
  it('keeps nothing between the calls of a timer, and starts an instance before the next', async () => {
    const r = rig();
    await r.pool.start();
    const version = versionOf();
    await teach(r, version, 30 * minuteMs);
    expect(r.keepAlive(version)).toMatchObject({ basis: 'histogram', preWarmMs: 27 * minuteMs, samples: 5 });
    await r.pass(1 * minuteMs);
    expect(r.live()).toBe(0);
    await r.pass(25 * minuteMs);
    expect(r.live()).toBe(0);
    await r.pass(2 * minuteMs);
    expect(r.live()).toBe(1);
    await r.pass(2 * minuteMs);
    expect(await r.call(version)).toBe('warm');
  });

  it('starts one only, and ends it when the call does not come', async () => {
    const r = rig();
    await r.pool.start();
    const version = versionOf();
    await teach(r, version, 30 * minuteMs);
    const before = r.driver.created.length;
    await r.pass(30 * minuteMs);
    expect(r.live()).toBe(1);
    r.driver.live[0]?.die();
    await r.pass(1 * minuteMs);
    expect(r.driver.created.length).toBe(before + 1);
    await r.pass(4 * minuteMs);
    expect(r.live()).toBe(0);
    expect(r.pool.pools()).toEqual([]);
  });

  it('remembers when nothing of a version is left, and teaches the next version', async () => {
    const r = rig();
    await r.pool.start();
    const version = versionOf();
    await teach(r, version, 30 * minuteMs);
    await r.pass(60 * minuteMs);
    expect(r.pool.pools()).toEqual([]);
    await r.call(version);
    expect(r.keepAlive(version)).toMatchObject({ basis: 'histogram', samples: 6 });
    const next = versionOf({}, { functionId: version.functionId, version: 2 });
    await r.call(next);
    expect(r.keepAlive(next)).toMatchObject({ basis: 'histogram', samples: 6 });
  });

  it('starts nothing ahead for a version that was retired', async () => {
    const r = rig();
    await r.pool.start();
    const version = versionOf();
    await teach(r, version, 30 * minuteMs);
    await r.pool.retireVersion(version.versionId, 'replaced');
    const before = r.driver.created.length;
    await r.pass(32 * minuteMs);
    expect(r.driver.created.length).toBe(before);
    expect(r.pool.pools()).toEqual([]);
  });
});

describe('fixed keep-alive', () => {
  it('is ten minutes while nothing is known', async () => {
    const r = rig();
    await r.pool.start();
    const version = versionOf();
    await r.call(version);
    expect(r.keepAlive(version)).toMatchObject({ basis: 'fixed', quietMs: 0 });
    await r.pass(9.5 * minuteMs);
    expect(r.live()).toBe(1);
    await r.pass(1 * minuteMs);
    expect(r.live()).toBe(0);
  });

  it.each([
    ['the operator says so', { keepAlive: 'fixed' }, {}, 'fixed', 10 * minuteMs],
    ['the version says so', {}, { idleTimeoutMs: 2 * minuteMs }, 'configured', 2 * minuteMs],
  ] as const)('whatever was seen, when %s', async (_, settings, config, basis, keepAliveMs) => {
    const r = rig(settings);
    await r.pool.start();
    const version = versionOf(config);
    await teach(r, version, 30 * minuteMs);
    expect(r.keepAlive(version)).toMatchObject({ basis, preWarmMs: 0, keepAliveMs, samples: 0 });
    await r.pass(keepAliveMs - minuteMs);
    expect(r.live()).toBe(1);
    await r.pass(2 * minuteMs);
    expect(r.live()).toBe(0);
  });
});
