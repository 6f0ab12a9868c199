import type { Invocation } from './invocation.ts';
import type { Clock } from './ports/clock.ts';

/** When a call that comes now was accepted. */
export function entryTimes(clock: Pick<Clock, 'monotonic' | 'now'>): Pick<Invocation, 'enteredAt' | 'acceptedAt'> {
  // In this order, so that a call that runs into its time-out is never said to have taken less.
  const enteredAt = clock.monotonic();
  return { enteredAt, acceptedAt: clock.now() };
}
