import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { putAliasSchema } from '../../shared/api/functions.ts';
import { mainVersion, shareOf, splitTraffic, versionBefore, wereLive } from './traffic.ts';

describe('traffic', () => {
  it('is a share of the sum of weights', () => {
    const versions = [
      { version: 1, weight: 3 },
      { version: 2, weight: 1 },
    ];
    expect(shareOf(versions, 1)).toBe(0.75);
    expect(shareOf(versions, 9)).toBe(0);
    expect(shareOf([], 1)).toBe(0);
  });

  it('has the heavier version as its main one, the newer when equal', () => {
    expect(
      mainVersion([
        { version: 1, weight: 9 },
        { version: 2, weight: 1 },
      ]),
    ).toBe(1);
    expect(
      mainVersion([
        { version: 1, weight: 5 },
        { version: 2, weight: 5 },
      ]),
    ).toBe(2);
    expect(mainVersion([])).toBeUndefined();
  });

  it('always makes an alias that the platform accepts, with the share that was asked for', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 51, max: 99 }),
        fc.double({ min: -10, max: 110, noNaN: true }),
        (present, candidate, percent) => {
          const versions = splitTraffic(present, candidate, percent);
          expect(putAliasSchema.safeParse({ versions }).success).toBe(true);
          const expected = Math.min(100, Math.max(0, Math.round(percent))) / 100;
          expect(shareOf(versions, candidate)).toBeCloseTo(expected, 10);
        },
      ),
    );
  });

  it('leaves one version alone when both are the same', () => {
    expect(splitTraffic(3, 3, 40)).toEqual([{ version: 3, weight: 100 }]);
  });
});

describe('what was live before', () => {
  const whole = (version: number) => [{ version, weight: 1 }];
  const moves = [
    { alias: 'live', before: whole(2), after: whole(3) },
    { alias: 'beta', before: [], after: whole(9) },
    { alias: 'live', before: whole(1), after: whole(2) },
    { alias: 'live', before: [], after: whole(1) },
  ];

  it('is every version that a move of live names', () => {
    expect([...wereLive(moves)].sort()).toEqual([1, 2, 3]);
    expect(wereLive([]).size).toBe(0);
  });

  it('is gone back to', () => {
    expect([versionBefore(moves, 3), versionBefore(moves.slice(3), 1), versionBefore([], 1)]).toEqual([
      2,
      undefined,
      undefined,
    ]);
  });
});
