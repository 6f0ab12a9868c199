import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hostileRows } from './support/hostile-rows.ts';

const root = join(import.meta.dirname, '..');
const page = readFileSync(join(root, 'docs/threat-model.md'), 'utf8');
const rows = page
  .split('\n')
  .filter((line) => /^\| [A-D]\d+ \|/.test(line))
  .map((line) => ({ name: line.split('|')[1]?.trim() ?? '', line }));
const expected = Object.entries({ A: 31, B: 18, C: 5, D: 17 }).flatMap(([section, count]) =>
  Array.from({ length: count }, (_, i) => `${section}${i + 1}`),
);
/** Rows that the hostile suite plays without a function of their own in the list. */
const playedBySuite = ['A7', 'A24', 'A25'];

describe('docs/threat-model.md', () => {
  it('has every row, once and in order', () => {
    expect(rows.map((row) => row.name)).toEqual(expected);
  });

  it.each(rows)('names tests of $name that exist', ({ line }) => {
    for (const [, path = '', title = ''] of line.matchAll(/`([^`]+\.ts)` "([^"]+)"/g)) {
      expect(existsSync(join(root, path)), path).toBe(true);
      expect(readFileSync(join(root, path), 'utf8'), path).toContain(title);
    }
    const isNamed = line.includes('.ts` "') || /\| hostile/.test(line);
    expect(isNamed || line.includes('not tested') || line.includes('not measured')).toBe(true);
  });

  it('says "hostile" of the rows that the suite plays, and of no other', () => {
    const said = rows.filter((row) => / hostile[ ,]/.test(row.line)).map((row) => row.name);
    expect(new Set(said)).toEqual(new Set([...hostileRows.map((row) => row.row), ...playedBySuite]));
  });
});
