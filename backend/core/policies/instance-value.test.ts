import fc from 'fast-check';
import { expect, it } from 'vitest';
import { expectedValue, type InstanceWorth } from './instance-value.ts';

const usual: InstanceWorth = { chanceOfCall: undefined, idleMs: 1000, startMs: 8, memoryMb: 128 };
const value = (worth: Partial<InstanceWorth>) => expectedValue({ ...usual, ...worth });

it.each([
  ['used longer ago', { idleMs: 2000 }, {}],
  ['larger', { memoryMb: 256 }, {}],
  ['quicker to start', {}, { startMs: 900 }],
  ['known to be called rarely', { chanceOfCall: 0.1 }, {}],
  ['unlikely to be called, though used just now', { chanceOfCall: 0.01, idleMs: 0 }, { idleMs: 3_600_000 }],
  ['rarely called but slow to start', { chanceOfCall: 0.9 }, { chanceOfCall: 0.4, startMs: 5000 }],
])('is less for one that is %s', (_, less, more) => {
  expect(value(less)).toBeLessThan(value(more));
});

it('does not tell starts apart that cost about the same', () => {
  expect(value({ startMs: 3 })).toBe(value({ startMs: 90 }));
});

it('never rises with idle time or memory', () => {
  fc.assert(
    fc.property(
      fc.nat(1e8),
      fc.nat(1e8),
      fc.integer({ min: 32, max: 9999 }),
      fc.nat(1e5),
      (a, b, memoryMb, startMs) => {
        const [early, late] = [Math.min(a, b), Math.max(a, b)];
        expect(value({ idleMs: late, memoryMb, startMs })).toBeLessThanOrEqual(
          value({ idleMs: early, memoryMb, startMs }),
        );
        expect(value({ memoryMb: memoryMb + 1, startMs })).toBeLessThan(value({ memoryMb, startMs }));
      },
    ),
  );
});
