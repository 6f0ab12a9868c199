import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../tests/fakes/manual-clock.ts';
import type { FailureWindow } from '../core/ports/user-store.ts';
import { TokenGuard } from './token-guard.ts';

/** A guard over a store in memory, which can be made anew as after a restart. */
function rig() {
  const clock = new ManualClock();
  const stored = new Map<string, FailureWindow>();
  const writes: number[] = [];
  const warnings: object[] = [];
  const state = { isBroken: false };
  const signInFailures = {
    put: async (windows: readonly FailureWindow[]) => {
      if (state.isBroken) throw new Error('the disk is full');
      writes.push(windows.length);
      for (const window of windows) stored.set(window.key, window);
    },
    list: async (prefix: string, since: number, limit: number) =>
      [...stored.values()]
        .filter(({ key, startedAt }) => key.startsWith(prefix) && startedAt >= since)
        .sort((a, b) => b.startedAt - a.startedAt)
        .slice(0, limit),
    prune: async (before: number, prefix = '') => {
      for (const { key, startedAt } of [...stored.values()])
        if (key.startsWith(prefix) && startedAt < before) stored.delete(key);
      return 0;
    },
    note: () => Promise.reject(new Error('not used')),
    forgive: () => Promise.reject(new Error('not used')),
    clear: () => Promise.reject(new Error('not used')),
  };
  const logger = { debug: () => {}, info: () => {}, warn: (of: object) => void warnings.push(of), error: () => {} };
  const start = async () => {
    const guard = new TokenGuard({ store: { signInFailures }, clock, logger, maxPerMinute: 3 });
    await guard.load();
    return guard;
  };
  return { clock, stored, writes, warnings, state, start };
}

describe('TokenGuard', () => {
  it('lets so many pass per address and minute, and counts a /64 as one', async () => {
    const { clock, start } = rig();
    const guard = await start();
    const addresses = ['2001:db8::1', '2001:db8::2', '2001:db8::3', '2001:db8::4', '2001:db8:0:1::1'];
    expect(addresses.map((address) => guard.fail(address))).toEqual([undefined, undefined, undefined, 60, undefined]);
    clock.advance(45_000);
    expect(guard.fail('2001:db8::9')).toBe(15);
    clock.advance(15_000);
    expect(guard.fail('2001:db8::9')).toBeUndefined();
    await guard.settled();
  });

  it('goes on where it was after a restart, and forgives what is over', async () => {
    const { clock, start } = rig();
    const first = await start();
    for (let i = 0; i < 3; i++) first.fail('192.0.2.1');
    await clock.advanceAsync(20_000);
    // Killed: nothing is written at the end.
    const second = await start();
    expect(second.fail('192.0.2.1')).toBe(40);
    expect(second.fail('192.0.2.2')).toBeUndefined();
    await clock.advanceAsync(40_000);
    const third = await start();
    expect(third.fail('192.0.2.1')).toBeUndefined();
    await third.settled();
  });

  it('makes no window longer when the wall clock is set back', async () => {
    const { clock, start } = rig();
    const first = await start();
    for (let i = 0; i < 4; i++) first.fail('192.0.2.1');
    await first.settled();
    clock.jumpTo(clock.now() - 3_600_000);
    expect((await start()).fail('192.0.2.1')).toBe(60);
  });

  it('writes once a second at most, and nothing of an address that is over its limit', async () => {
    const { clock, writes, stored, start } = rig();
    const guard = await start();
    for (let i = 0; i < 100_000; i++) guard.fail('192.0.2.1');
    await clock.advanceAsync(1000);
    expect(writes).toEqual([1]);
    for (let i = 0; i < 100_000; i++) guard.fail('192.0.2.1');
    await clock.advanceAsync(5000);
    expect(writes).toEqual([1]);
    for (let i = 0; i < 2500; i++) guard.fail(`10.1.${i >> 8}.${i & 255}`);
    await clock.advanceAsync(3000);
    expect(writes).toEqual([1, 1000, 1000, 500]);
    await clock.advanceAsync(60_000);
    guard.fail('192.0.2.9');
    await guard.settled();
    // What is over is gone from the disk too.
    expect([...stored.keys()]).toEqual(['token 192.0.2.9']);
  });

  it('keeps at most so many addresses, and goes on when it cannot write', async () => {
    const { clock, state, warnings, writes, start } = rig();
    const guard = await start();
    state.isBroken = true;
    for (let i = 0; i < 4; i++) guard.fail('192.0.2.1');
    await clock.advanceAsync(1000);
    expect(warnings).toHaveLength(1);
    expect(guard.fail('192.0.2.1')).toBeGreaterThan(0);
    state.isBroken = false;
    for (let i = 0; i < 10_001; i++) guard.fail(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`);
    expect(guard.fail('192.0.2.1')).toBeUndefined();
    await guard.settled();
    expect(writes.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(10_001);
    expect(clock.pendingTimers).toBe(0);
  });
});
