import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Launcher } from './launcher.ts';
import { WaitingLaunchers } from './waiting-launchers.ts';

interface FakeLauncher {
  isAlive: boolean;
  readonly joined: Promise<void>;
  readonly ended: Promise<void>;
  readonly end: () => Promise<readonly string[]>;
  isEnded: boolean;
  readonly die: () => void;
  readonly refuse: (why: Error) => void;
}

let begun: FakeLauncher[];
let hasRoom: boolean;
let failures: string[];
let leftBehind: readonly string[];
let launchers: WaitingLaunchers;

beforeEach(() => {
  vi.useFakeTimers();
  [begun, hasRoom, failures, leftBehind] = [[], true, [], []];
  launchers = makeLaunchers(1);
});
afterEach(() => vi.useRealTimers());

function makeLaunchers(count: number, begin: () => FakeLauncher = fakeLauncher): WaitingLaunchers {
  return new WaitingLaunchers({
    count,
    begin: () => begin() as unknown as Launcher,
    hasRoom: () => hasRoom,
    onFailures: (left) => failures.push(...left),
  });
}

function fakeLauncher(): FakeLauncher {
  const [ended, joined] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const launcher: FakeLauncher = {
    isAlive: true,
    isEnded: false,
    joined: joined.promise,
    ended: ended.promise,
    die: () => {
      launcher.isAlive = false;
      ended.resolve();
    },
    refuse: joined.reject,
    end: async () => {
      launcher.die();
      await Promise.resolve();
      launcher.isEnded = true;
      return leftBehind;
    },
  };
  begun.push(launcher);
  return launcher;
}

const start = async (): Promise<unknown> => await launchers.during((take) => Promise.resolve(take()));
const settle = async (): Promise<unknown> => await vi.advanceTimersByTimeAsync(1000);

describe('launchers that wait', () => {
  it('are begun after the first start, and then after each that took one', async () => {
    await settle();
    expect(begun).toHaveLength(0);
    expect(await start()).toBeUndefined();
    await settle();
    expect(begun).toHaveLength(1);
    expect(await start()).toBe(begun[0]);
    expect(await start()).toBeUndefined();
    await settle();
    expect(begun).toHaveLength(2);
  });

  it('are as many as were asked for, and none where none are', async () => {
    launchers = makeLaunchers(2);
    await start();
    await settle();
    expect(begun).toHaveLength(2);
    launchers = makeLaunchers(0);
    await start();
    await settle();
    expect(begun).toHaveLength(2);
  });

  it('are not begun while a start is under way, also when that fails', async () => {
    const slow = Promise.withResolvers<void>();
    const first = launchers.during(async () => await slow.promise);
    await start();
    await settle();
    expect(begun).toHaveLength(0);
    slow.reject(new Error('no'));
    await expect(first).rejects.toThrow('no');
    await settle();
    expect(begun).toHaveLength(1);
  });

  it('are not begun where the host has no room, or cannot', async () => {
    hasRoom = false;
    await start();
    await settle();
    expect(begun).toHaveLength(0);
    launchers = makeLaunchers(1, () => {
      throw new Error('no more processes');
    });
    hasRoom = true;
    await start();
    await settle();
    expect(await start()).toBeUndefined();
  });

  it('are not handed out when they have died, whether that is known or not', async () => {
    await start();
    await settle();
    begun[0]?.die();
    await settle();
    // Not replaced by itself: whatever killed it may go on.
    expect([begun.length, begun[0]?.isEnded]).toEqual([1, true]);
    expect(await start()).toBeUndefined();
    await settle();
    const second = begun[1];
    if (second !== undefined) second.isAlive = false;
    expect(await start()).toBeUndefined();
    await settle();
    expect(second?.isEnded).toBe(true);
  });

  it('end when they cannot be moved into their control groups', async () => {
    await start();
    await settle();
    begun[0]?.refuse(new Error('no such group'));
    await settle();
    expect(begun[0]?.isEnded).toBe(true);
    expect(await start()).toBeUndefined();
  });

  it('end with their driver, say what they left, and are never begun again', async () => {
    await start();
    await settle();
    leftBehind = ['control group: busy'];
    await launchers.close();
    expect([begun[0]?.isEnded, failures]).toEqual([true, ['control group: busy']]);
    expect(await start()).toBeUndefined();
    await settle();
    expect(begun).toHaveLength(1);
  });
});
