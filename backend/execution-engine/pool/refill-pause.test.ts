import { expect, it } from 'vitest';
import { ManualClock } from '../../../tests/fakes/manual-clock.ts';
import { RefillPause } from './refill-pause.ts';

it('is over when its timer says so, and grows with failures in a row', () => {
  const clock = new ManualClock();
  const over: boolean[] = [];
  const pause: RefillPause = new RefillPause({
    clock,
    backoff: { minMs: 100, maxMs: 1000 },
    onOver: () => over.push(pause.isOver(clock.monotonic())),
  });
  expect(pause.isOver(clock.monotonic())).toBe(true);
  pause.extend(10);
  // A shorter wait does not end a longer one.
  pause.extend(1);
  expect(pause.isOver(clock.monotonic())).toBe(false);
  clock.advance(11);
  expect(over).toEqual([false, true]);

  const waitOfFailure = (): number => {
    const begun = clock.monotonic();
    pause.failed();
    while (!pause.isOver(clock.monotonic())) clock.advance(1);
    return clock.monotonic() - begun;
  };
  // Half of 100, 200, 400 ms is fixed, and half random.
  for (const ceiling of [100, 200, 400]) {
    const waited = waitOfFailure();
    expect([waited >= ceiling / 2, waited <= ceiling + 1]).toEqual([true, true]);
  }
  pause.worked();
  expect(waitOfFailure()).toBeLessThanOrEqual(101);
});
