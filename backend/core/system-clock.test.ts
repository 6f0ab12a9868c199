import { getEventListeners } from 'node:events';
import { describe, expect, test, vi } from 'vitest';
import { SystemClock } from './system-clock.ts';

describe('SystemClock', () => {
  const clock = new SystemClock();

  test('tells wall-clock and monotonic time', () => {
    const before = Date.now();
    expect(clock.now()).toBeGreaterThanOrEqual(before);
    const first = clock.monotonic();
    expect(clock.monotonic()).toBeGreaterThanOrEqual(first);
  });

  test('runs a timer once, and a cancelled one never', async () => {
    const calls: string[] = [];
    const cancel = clock.after(1, () => calls.push('cancelled'));
    cancel();
    await new Promise<void>((resolve) => {
      clock.after(5, () => {
        calls.push('ran');
        resolve();
      });
    });
    expect(calls).toEqual(['ran']);
  });

  test('waits for more than 2^31 ms in parts', () => {
    vi.useFakeTimers();
    try {
      const run = vi.fn();
      const days40 = 40 * 24 * 3600 * 1000;
      clock.after(days40, run);
      vi.advanceTimersByTime(days40 - 1);
      expect(run).not.toHaveBeenCalled();
      vi.advanceTimersByTime(1);
      expect(run).toHaveBeenCalledOnce();
    } finally {
      vi.useRealTimers();
    }
  });

  test('ends a sleep when the signal aborts, and leaves no listener behind', async () => {
    const controller = new AbortController();
    const sleeping = clock.sleep(3_600_000, controller.signal);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1);
    controller.abort();
    await sleeping;
    await clock.sleep(3_600_000, controller.signal);

    const unused = new AbortController();
    await clock.sleep(1, unused.signal);
    expect(getEventListeners(unused.signal, 'abort')).toHaveLength(0);
  });
});
