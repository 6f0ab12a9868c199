import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { statFields } from './process-stat.ts';

it('gives the fields of a process by their numbers, whatever its name is', () => {
  const field = statFields('42 (a) b (c) R 7 8 9');
  expect([3, 4, 6, 7].map(field)).toEqual(['R', '7', '9', undefined]);
  expect(statFields(readFileSync('/proc/self/stat', 'latin1'))(4)).toBe(String(process.ppid));
});
