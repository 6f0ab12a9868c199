import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { getCompileCacheDir } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cachedDataVersionTag } from 'node:v8';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { takeCompileCache } from './compile-cache.ts';

let work: string;
beforeEach(() => {
  work = mkdtempSync(join(tmpdir(), 'hearth-cache-'));
  mkdirSync(join(work, 'tmp'));
  vi.stubEnv('TMPDIR', join(work, 'tmp'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(work, { recursive: true, force: true });
});

const tag = cachedDataVersionTag().toString(16).padStart(8, '0');
const otherTag = ((cachedDataVersionTag() ^ 1) >>> 0).toString(16).padStart(8, '0');

test.each([
  ['another version of Node', `v20.0.0-${process.arch}-${tag}`],
  ['another architecture', `${process.version}-s390x-${tag}`],
  ['another V8, or a processor with other features', `${process.version}-${process.arch}-${otherTag}`],
])('what was compiled for %s is left alone', (_, name) => {
  const before = getCompileCacheDir();
  mkdirSync(join(work, '.hearth-compiled', name), { recursive: true });
  takeCompileCache(work);
  expect(readdirSync(join(work, 'tmp'))).toEqual([]);
  expect(getCompileCacheDir()).toBe(before);
});
