import { expect, it } from 'vitest';
import { entryTimes } from './entry-times.ts';

it('reads the clock that times a call before the one that its deadline is counted from', () => {
  let ms = 0;
  const clock = { monotonic: () => ms++, now: () => 1000 + ms++ };
  expect(entryTimes(clock)).toEqual({ enteredAt: 0, acceptedAt: 1001 });
});
