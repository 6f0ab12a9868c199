import type { Scheduler } from '../../backend/core/ports/scheduler.ts';

const notUsed = (): Promise<never> => Promise.reject(new Error('not used'));

/** A scheduler that nothing runs in, for who gives it the methods that matter. */
export const idleScheduler: Scheduler = {
  start: async () => undefined,
  drain: async () => undefined,
  invoke: notUsed,
  submit: notUsed,
  schedulesChanged: () => undefined,
  reserve: () => undefined,
  cancel: async () => false,
  running: () => [],
  findRunning: () => undefined,
  leftOutAt: () => undefined,
  stats: () => ({
    inFlight: 0,
    places: 1,
    reserved: 0,
    queued: 0,
    asyncDepth: 0,
    asyncOldestMs: 0,
    recordsLeftOut: 0,
  }),
};
