import { setTimeout as wait } from 'node:timers/promises';
import type { Clock } from '../../backend/core/ports/clock.ts';

/** Real time, for stores under test. */
export const testClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms).unref();
    return () => clearTimeout(timer);
  },
  async sleep(ms, signal) {
    await wait(ms, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
  },
};

export const testLogger = { info: () => undefined, error: () => undefined };
