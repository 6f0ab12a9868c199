import { expect, test } from 'vitest';
import { parseBuildRecord, uploadedPath } from './build-record.ts';

const packages = { installer: 'npm', isBundled: true, items: [{ name: 'ms', version: '2.1.3', sizeBytes: 12 }] };
const made = ['index.mjs', 'index.mjs.map', 'node_modules/'];

test('a record is read, and anything else is none', () => {
  expect(parseBuildRecord(JSON.stringify({ format: 1, made, packages }))).toEqual({ format: 1, made, packages });
  for (const text of [null, undefined, '', '{', '{"format":2,"made":[],"packages":null}', '{"my":"own"}', '[]']) {
    expect(parseBuildRecord(text)).toBeUndefined();
  }
});

test('what the build made is told from what was uploaded, and sources are where they were', () => {
  const record = { format: 1 as const, made, packages: null };
  const paths = ['.hearth/build.json', '.hearth/source/index.mjs', 'index.mjs', 'node_modules/ms/index.js', 'lib/a.js'];
  expect(paths.map((path) => uploadedPath(record, path))).toEqual([
    undefined,
    'index.mjs',
    undefined,
    undefined,
    'lib/a.js',
  ]);
});
