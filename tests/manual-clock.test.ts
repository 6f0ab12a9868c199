import { describe, expect, test } from 'vitest';
import { ManualClock } from './fakes/manual-clock.ts';

describe('ManualClock', () => {
  test('runs due timers in order of time, also those that timers start', () => {
    const clock = new ManualClock(1_000);
    const ran: string[] = [];
    clock.after(20, () => ran.push(`b@${clock.now()}`));
    clock.after(10, () => {
      ran.push(`a@${clock.now()}`);
      clock.after(5, () => ran.push(`a2@${clock.now()}`));
    });
    clock.after(15, () => ran.push('cancelled'))();
    clock.advance(19);
    expect(ran).toEqual(['a@1010', 'a2@1015']);
    clock.advance(1);
    expect(ran).toEqual(['a@1010', 'a2@1015', 'b@1020']);
    expect([clock.pendingTimers, clock.monotonic()]).toEqual([0, 20]);
  });

  test('lets a loop of sleeps take every step', async () => {
    const clock = new ManualClock();
    const controller = new AbortController();
    let steps = 0;
    const loop = (async () => {
      while (!controller.signal.aborted) {
        await clock.sleep(100, controller.signal);
        steps++;
      }
    })();
    await clock.advanceAsync(1_000);
    expect(steps).toBe(10);
    controller.abort();
    await loop;
    expect(clock.pendingTimers).toBe(0);
  });

  test('moves the wall clock alone', () => {
    const clock = new ManualClock(5_000);
    clock.advance(10);
    clock.jumpTo(1_000);
    expect([clock.now(), clock.monotonic()]).toEqual([1_000, 10]);
  });
});
