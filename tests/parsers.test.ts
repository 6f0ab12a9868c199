import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parsers } from '../scripts/parsers.ts';

const root = join(import.meta.dirname, '..');
const tests = new Set(parsers.flatMap((parser) => parser.tests));

describe('the list of parsers', () => {
  it('names files that are there, once', () => {
    const files = parsers.map(({ file }) => file);
    expect([...files, ...tests].filter((path) => !existsSync(join(root, path)))).toEqual([]);
    expect(new Set(files).size).toBe(files.length);
  });

  it('has every test that can be widened', () => {
    const widened = globSync('{backend,shared,cli,frontend,scripts}/**/*.test.ts', { cwd: root }).filter((path) =>
      readFileSync(join(root, path), 'utf8').includes("support/fuzz.ts'"),
    );
    expect(widened.length).toBeGreaterThan(20);
    expect(widened.filter((path) => !tests.has(path))).toEqual([]);
  });

  it('hides no branch from the coverage without a reason', () => {
    const marks = parsers.flatMap(({ file }) => readFileSync(join(root, file), 'utf8').match(/.*v8 ignore.*/g) ?? []);
    expect(marks.filter((line) => !/v8 ignore (if|else|next) -- @preserve: .{20,} \*\//.test(line))).toEqual([]);
  });
});
