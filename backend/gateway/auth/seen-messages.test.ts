import { expect, test } from 'vitest';
import { ManualClock } from '../../../tests/fakes/manual-clock.ts';
import { SeenMessages } from './seen-messages.ts';

test('a message is new once, until it would be too old anyway', () => {
  const clock = new ManualClock();
  const seen = new SeenMessages({ clock });
  const until = clock.now() + 1000;
  expect([seen.isNew('a', until), seen.isNew('a', until), seen.isNew('b', until)]).toEqual([true, false, true]);
  clock.advance(999);
  expect(seen.isNew('a', until)).toBe(false);
  clock.advance(1);
  expect(seen.isNew('a', clock.now() + 1000)).toBe(true);
  expect(seen.isNew('a', clock.now() + 1000)).toBe(false);
});

test('the older half goes when there are more than fit', () => {
  const clock = new ManualClock();
  const seen = new SeenMessages({ clock, maxRemembered: 6 });
  const until = clock.now() + 1000;
  for (const key of ['a', 'b', 'c', 'd', 'e', 'f']) expect(seen.isNew(key, until)).toBe(true);
  for (const key of ['a', 'b', 'c', 'd', 'e', 'f']) expect(seen.isNew(key, until)).toBe(false);
  expect(seen.isNew('g', until)).toBe(true);
  for (const key of ['d', 'e', 'f', 'g']) expect(seen.isNew(key, until)).toBe(false);
  expect(seen.isNew('a', until)).toBe(true);
});
