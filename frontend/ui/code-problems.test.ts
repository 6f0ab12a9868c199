import { Text } from '@codemirror/state';
import { expect, test } from 'vitest';
import { positionOf } from './code-problems.ts';

test('a place is a position, also where the text is shorter than it was', () => {
  const doc = Text.of(['ab', '', 'cdef']);
  const at = (line: number | null, column: number | null) => positionOf(doc, { line, column });
  expect([at(1, 1), at(1, 2), at(3, 4), at(null, null)]).toEqual([0, 1, 7, 0]);
  expect([at(1, 9), at(2, 5), at(9, 1), at(9, 9), at(0, 0)]).toEqual([2, 3, 4, 8, 0]);
});
