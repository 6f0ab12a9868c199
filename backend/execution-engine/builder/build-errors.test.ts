import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { columnOf, parseEsbuildLog, placedIn, sourcesRefused } from './build-errors.ts';

const log = `▲ [WARNING] Comparison with -0 [equals-negative-zero]

    lib/warn.ts:3:1:
      3 │ -0
        ╵ ^

✘ [ERROR] Could not resolve "./gone"

    my folder/index.ts:1:14:
      1 │ import x from "./gone";
        ╵               ~~~~~~~~

✘ [ERROR] Cannot assign to "c" because it is a constant

    index.ts:12:43:
      12 │ ...a from "./lib/a.json"; const c = 1; c = 2;
         ╵                                        ^

  The symbol "c" was declared a constant here:

    index.ts:2:36:
      2 │ const c = 1;
        ╵       ^

✘ [ERROR] Cannot read a file without a place

3 errors`.split('\n');

test('reads the places out of what esbuild wrote, without warnings and notes', () => {
  expect(parseEsbuildLog(log)).toEqual([
    { file: 'my folder/index.ts', line: 1, byteColumn: 14, text: 'Could not resolve "./gone"' },
    { file: 'index.ts', line: 12, byteColumn: 43, text: 'Cannot assign to "c" because it is a constant' },
  ]);
});

test('keeps twenty of very many', () => {
  const many = Array.from({ length: 50 }, (_, n) => [`✘ [ERROR] no ${n}`, '', `    a.ts:${n + 1}:0:`]).flat();
  expect(parseEsbuildLog(many)).toHaveLength(20);
});

test('counts columns in UTF-16 code units, as editors do', () => {
  expect(columnOf('const a = 1;', 6)).toBe(7);
  expect(columnOf('é😀x', 2)).toBe(2);
  expect(columnOf('é😀x', 6)).toBe(4);
});

test('looks into files of the bundle alone', async () => {
  const root = await mkdtemp(join(tmpdir(), 'hearth-places-'));
  try {
    await writeFile(join(root, 'a.ts'), 'x\r\né = ;\n');
    await symlink('/etc/hostname', join(root, 'link.ts'));
    const at = (file: string, line: number, byteColumn: number) => ({ file, line, byteColumn, text: 'no' });
    const places = await placedIn(root, [
      at('a.ts', 2, 5),
      at('a.ts', 9, 5),
      at('../a.ts', 2, 5),
      at('link.ts', 1, 3),
      at('node_modules/b/index.js', 1, 3),
    ]);
    expect(places.map(({ column }) => column)).toEqual([5, 6, 6, 4, 4]);
  } finally {
    await rm(root, { recursive: true });
  }
});

test('a refusal has the places, bounded, and says them in words too', () => {
  const place = { file: 'a.ts', line: 2, column: 5, text: 'no' };
  const whole = { file: 'package.json', line: null, column: null, text: 'name: x'.repeat(1000) };
  const error = sourcesRefused([place, whole]);
  expect(error).toMatchObject({ kind: 'unprocessable', code: 'build_failed' });
  expect(error.message).toMatch(/^a\.ts:2:5: no\npackage\.json: name: x/);
  expect(error.detail['buildErrors']).toEqual([place, { ...whole, text: whole.text.slice(0, 1000) }]);
});
