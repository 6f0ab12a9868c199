import { expect, it } from 'vitest';
import { attempt, Holdings } from './holdings.ts';

let given: string[];
const make = (...names: readonly string[]): Holdings => {
  given = [];
  const holdings = new Holdings();
  for (const name of names) holdings.hold(name, () => given.push(name));
  return holdings;
};

it('gives back what came last first, each once, also when two ask for it', async () => {
  const holdings = make('slot', 'network');
  holdings.hold('control group', async () => {
    await Promise.resolve();
    given.push('control group');
  });
  expect(await Promise.all([holdings.giveBack(), holdings.giveBack()])).toEqual([[], []]);
  expect(given.toSorted()).toEqual(['control group', 'network', 'slot']);
  expect(await holdings.giveBack()).toEqual([]);
  expect(given).toHaveLength(3);
});

it('gives one back after the other', async () => {
  const holdings = make('slot');
  const network = Promise.withResolvers<void>();
  holdings.hold('network', () => network.promise);
  const over = holdings.giveBack();
  await Promise.resolve();
  expect(given).toEqual([]);
  network.resolve();
  await over;
  expect(given).toEqual(['slot']);
});

it('goes on behind what fails, and says what and why', async () => {
  const holdings = make('slot');
  holdings.hold('jail', () => {
    throw new Error('busy');
  });
  holdings.hold('network', () => Promise.reject(new Error('no such device')));
  expect(await holdings.giveBack()).toEqual(['network: no such device', 'jail: busy']);
  expect(given).toEqual(['slot']);
});

it('keeps what a process that lives still uses', async () => {
  const holdings = make('memory');
  holdings.hold('slot', () => given.push('slot'), 'nothing runs');
  expect(await holdings.giveBack(false)).toEqual([]);
  expect(given).toEqual(['memory']);
});

it('tells whether an attempt came off', async () => {
  const failures: string[] = [];
  expect(await attempt(failures, 'one', () => undefined)).toBe(true);
  expect(await attempt(failures, 'two', () => Promise.reject(new Error('no')))).toBe(false);
  expect(failures).toEqual(['two: no']);
});
