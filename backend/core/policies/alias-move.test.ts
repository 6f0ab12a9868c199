import { expect, test } from 'vitest';
import { kindOfMove } from './alias-move.ts';

const shares = (...versions: readonly number[]) => versions.map((version) => ({ version }));

test.each([
  ['made', [], [1], 'create'],
  ['made with shares', [], [1, 2], 'split'],
  ['given a canary', [1], [1, 2], 'split'],
  ['given other shares', [1, 2], [2, 1], 'split'],
  ['its canary taken back by hand', [1, 2], [1], 'rollback'],
  ['its canary made whole', [1, 2], [2], 'promote'],
  ['moved to a newer version', [2], [3], 'promote'],
  ['moved to an older version', [3], [1], 'rollback'],
  ['put where it is', [3], [3], 'promote'],
] as const)('an alias was %s', (_what, before, after, kind) => {
  expect(kindOfMove(shares(...before), shares(...after))).toBe(kind);
});
