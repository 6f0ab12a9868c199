import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { BundleDigest } from '../../../shared/ids.ts';
import type { PreparedImage } from '../../core/ports/isolation-driver.ts';
import { type AheadCompiler, CompiledBundleStore } from './compiled-bundle-store.ts';
import { DirectoryBundleStore } from './directory-bundle-store.ts';

const never = new AbortController().signal;
let work: string;
let warnings: string[];
let compiled: number;
beforeEach(async () => {
  work = await mkdtemp(join(tmpdir(), 'hearth-compiled-'));
  warnings = [];
  compiled = 0;
});
afterEach(() => rm(work, { recursive: true, force: true }));

const cacheWriter: AheadCompiler['compile'] = async (_image, _runtime, output) => {
  compiled++;
  await mkdir(join(output, 'lib'));
  await writeFile(join(output, 'lib/cache'), 'compiled');
  await writeFile(join(output, 'stale'), 'made anew');
  return true;
};

function open(version: string, compile = cacheWriter): CompiledBundleStore {
  const note = (_fields: object, message: string) => void warnings.push(message);
  return new CompiledBundleStore({
    source: new DirectoryBundleStore({ directory: join(work, 'bundles') }),
    directory: join(work, 'compiled'),
    compiler: { compile },
    versionOf: (runtime) => Promise.resolve(runtime === 'nodejs' ? version : undefined),
    logger: { debug: note, info: note, warn: note, error: note },
  });
}

async function bundle(store: CompiledBundleStore, text = 'export {}'): Promise<PreparedImage> {
  const directory = await mkdtemp(join(work, 'upload-'));
  await mkdir(join(directory, 'lib'));
  await writeFile(join(directory, 'lib/index.mjs'), text);
  await writeFile(join(directory, 'stale'), 'the bundle’s');
  return store.put(directory);
}

/** Resolves when a compilation in the background ended well. */
function compiledInBackground(store: CompiledBundleStore): Promise<BundleDigest> {
  return new Promise((resolve) => store.onCompiled(resolve));
}

test('instances get the files of the bundle and what was compiled; the bundle stays as it is', async () => {
  const store = open('24.0.0');
  const built = await bundle(store);
  expect(await store.compile(built, 'nodejs', never)).toBe(true);
  const image = await store.openToRun(built.digest, 'nodejs');
  expect(image.digest).not.toBe(built.digest);
  expect(await readFile(join(image.directory, 'lib/cache'), 'utf8')).toBe('compiled');
  expect(await readFile(join(image.directory, 'stale'), 'utf8')).toBe('made anew');
  // Linked: the sources take no room twice.
  const inode = async (directory: string) => (await stat(join(directory, 'lib/index.mjs'))).ino;
  expect(await inode(image.directory)).toBe(await inode(built.directory));
  expect(await store.open(built.digest)).toEqual(built);
  expect(await readFile(join(built.directory, 'stale'), 'utf8')).toBe('the bundle’s');
  // Kept over a restart.
  expect(await open('24.0.0').openToRun(built.digest, 'nodejs')).toEqual(image);
  expect(compiled).toBe(1);
});

test('another version of the runtime starts without, then with caches of its own', async () => {
  const built = await bundle(open('24.0.0'));
  await open('24.0.0').compile(built, 'nodejs', never);
  const updated = open('24.0.1');
  const told = compiledInBackground(updated);
  expect(await updated.openToRun(built.digest, 'nodejs')).toEqual(built);
  expect(await told).toBe(built.digest);
  expect((await updated.openToRun(built.digest, 'nodejs')).digest).not.toBe(built.digest);
  expect(compiled).toBe(2);
  // Those of the old version go with the next prune, those of the new one stay.
  await updated.prune(new Set([built.digest]));
  expect((await readdir(join(work, 'compiled/index'))).map((name) => name.slice(65, 78))).toEqual(['nodejs-24.0.1']);
});

test('what was damaged is not used, and is compiled again', async () => {
  const built = await bundle(open('24.0.0'));
  await open('24.0.0').compile(built, 'nodejs', never);
  const image = await open('24.0.0').openToRun(built.digest, 'nodejs');
  await rm(join(image.directory, 'lib/cache'));
  const restarted = open('24.0.0');
  const told = compiledInBackground(restarted);
  expect(await restarted.openToRun(built.digest, 'nodejs')).toEqual(built);
  await told;
  expect(await restarted.openToRun(built.digest, 'nodejs')).toEqual(image);
  expect(warnings).toContain('a compiled bundle cannot be used; compiling it again');
});

test('a bundle whose compilation fails, or does not pay, runs as it is and is not tried again and again', async () => {
  let tries = 0;
  const failing = open('24.0.0', () => {
    tries++;
    return Promise.reject(new Error('no sandbox'));
  });
  const built = await bundle(failing);
  expect(await failing.compile(built, 'nodejs', never)).toBe(false);
  expect(await failing.openToRun(built.digest, 'nodejs')).toEqual(built);
  await failing.close();
  expect(tries).toBe(1);
  expect(warnings).toEqual(['could not compile a bundle ahead']);
  const idle = open('24.0.0', () => Promise.resolve(false));
  expect(await idle.compile(built, 'nodejs', never)).toBe(false);
  expect(await idle.compile(built, 'custom', never)).toBe(false);
  expect((await readdir(join(work, 'compiled'))).filter((name) => name !== 'index')).toEqual([]);
});

test('images go with the bundle that they were made of', async () => {
  const store = open('24.0.0');
  const kept = await bundle(store, '1');
  const gone = await bundle(store, '2');
  for (const image of [kept, gone]) await store.compile(image, 'nodejs', never);
  expect(await store.prune(new Set([kept.digest]))).toBe(1);
  const image = await store.openToRun(kept.digest, 'nodejs');
  expect((await readdir(join(work, 'compiled'))).sort()).toEqual([image.digest, 'index'].sort());
  // The same code deployed again begins anew, and those who remember the image that went are told.
  const forgotten = compiledInBackground(store);
  await store.prune(new Set());
  expect(await forgotten).toBe(kept.digest);
  const again = await bundle(store, '1');
  expect(await store.compile(again, 'nodejs', never)).toBe(true);
  expect(await store.openToRun(again.digest, 'nodejs')).toEqual(image);
  expect(compiled).toBe(3);
});
