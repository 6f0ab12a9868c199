import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { BundleDigest } from '../../../shared/ids.ts';
import { DirectoryBundleStore } from './directory-bundle-store.ts';

let work: string;
let bundles: string;
beforeEach(async () => {
  work = await mkdtemp(join(tmpdir(), 'hearth-store-'));
  bundles = join(work, 'bundles');
});
afterEach(() => rm(work, { recursive: true, force: true }));

let sources = 0;
async function source(files: Record<string, string>): Promise<string> {
  const directory = join(work, `source-${sources++}`);
  await mkdir(directory);
  for (const [path, text] of Object.entries(files)) {
    await mkdir(join(directory, path, '..'), { recursive: true });
    await writeFile(join(directory, path), text);
  }
  return directory;
}

test('puts a directory in whole, read-only, under the digest of its contents', async () => {
  const store = new DirectoryBundleStore({ directory: bundles });
  const from = await source({ 'index.mjs': 'export {}', 'bin/run': '#!/bin/sh' });
  await chmod(join(from, 'bin/run'), 0o700);
  const image = await store.put(from);
  expect(image).toMatchObject({ sizeBytes: 18, fileCount: 2 });
  expect(image.directory).toBe(join(bundles, image.digest, 'files'));
  expect((await stat(join(image.directory, 'index.mjs'))).mode & 0o777).toBe(0o444);
  expect((await stat(join(image.directory, 'bin/run'))).mode & 0o777).toBe(0o555);
  expect((await stat(join(image.directory, 'bin'))).mode & 0o777).toBe(0o755);
  expect(await readdir(bundles)).toEqual([image.digest]);
  await expect(stat(from)).rejects.toThrow('ENOENT');
  expect(await store.open(image.digest)).toEqual(image);
});

test('the digest depends on names, modes and contents, and on nothing else', async () => {
  const store = new DirectoryBundleStore({ directory: bundles });
  const digest = async (files: Record<string, string>) => (await store.put(await source(files))).digest;
  const first = await digest({ a: '1', b: '2' });
  expect(await digest({ b: '2', a: '1' })).toBe(first);
  expect(await digest({ a: '1', b: '3' })).not.toBe(first);
  expect(await digest({ a: '1', c: '2' })).not.toBe(first);
  const executable = await source({ a: '1', b: '2' });
  await chmod(join(executable, 'a'), 0o755);
  expect((await store.put(executable)).digest).not.toBe(first);
});

test('the same bundle put many times at once is there once', async () => {
  const store = new DirectoryBundleStore({ directory: bundles });
  const images = await Promise.all(Array.from({ length: 8 }, async () => store.put(await source({ a: '1' }))));
  expect(new Set(images.map((image) => image.digest)).size).toBe(1);
  expect(await readdir(bundles)).toHaveLength(1);
});

test('refuses links', async () => {
  const store = new DirectoryBundleStore({ directory: bundles });
  const from = await source({ a: '1' });
  await symlink('/etc/passwd', join(from, 'link'));
  await expect(store.put(from)).rejects.toMatchObject({ kind: 'invalid_request' });
  expect(await readdir(bundles)).toEqual([]);
});

test.each([
  ['a changed byte', (dir: string) => overwrite(join(dir, 'files/a'), '2'), 'other contents'],
  ['a changed size', (dir: string) => overwrite(join(dir, 'files/a'), '22'), 'another size'],
  ['a missing file', (dir: string) => unlink(join(dir, 'files/a')), 'is missing'],
  ['a missing manifest', (dir: string) => unlink(join(dir, 'manifest.json')), 'manifest.json is missing'],
  ['a broken manifest', (dir: string) => overwrite(join(dir, 'manifest.json'), '{'), 'cannot be read'],
  [
    'an altered manifest',
    async (dir: string) => {
      const path = join(dir, 'manifest.json');
      await overwrite(
        path,
        (await readFile(path, 'utf8'))
          .replace('"sizeBytes":1', '"sizeBytes":1,"executable":true')
          .replace(',"executable":false', ''),
      );
    },
    'does not match its digest',
  ],
])('%s is noticed by a new process, and putting it again repairs it', async (_what, damage, reason) => {
  const { digest } = await new DirectoryBundleStore({ directory: bundles }).put(await source({ a: '1' }));
  await damage(join(bundles, digest));
  const store = new DirectoryBundleStore({ directory: bundles });
  await expect(store.open(digest)).rejects.toMatchObject({ kind: 'internal', code: 'bundle_corrupt' });
  await expect(store.open(digest)).rejects.toThrow(reason);
  await store.put(await source({ a: '1' }));
  expect((await store.open(digest)).fileCount).toBe(1);
});

async function overwrite(path: string, text: string): Promise<void> {
  await chmod(path, 0o644);
  await writeFile(path, text);
}

test('an unknown or malformed digest is not found', async () => {
  const store = new DirectoryBundleStore({ directory: bundles });
  await expect(store.open('f'.repeat(64) as BundleDigest)).rejects.toMatchObject({ kind: 'not_found' });
  await expect(store.open('../../etc' as BundleDigest)).rejects.toMatchObject({ kind: 'not_found' });
});

const sha256 = (content: string | Buffer): string => createHash('sha256').update(content).digest('hex');

test('lists files with what they are, their text, and null for what is binary or large', async () => {
  const store = new DirectoryBundleStore({ directory: bundles });
  const from = await source({ 'a.js': 'é', large: 'x'.repeat(300_000) });
  await writeFile(join(from, 'binary'), Buffer.from([0xff, 0xfe, 0x80]), { mode: 0o755 });
  const { digest } = await store.put(from);
  expect(await store.files(digest)).toEqual([
    { path: 'a.js', sizeBytes: 2, sha256: sha256('é'), executable: false, text: 'é' },
    { path: 'binary', sizeBytes: 3, sha256: sha256(Buffer.from([0xff, 0xfe, 0x80])), executable: true, text: null },
    { path: 'large', sizeBytes: 300_000, sha256: sha256('x'.repeat(300_000)), executable: false, text: null },
  ]);
});

test('prune deletes what nobody keeps', async () => {
  const store = new DirectoryBundleStore({ directory: bundles });
  const kept = await store.put(await source({ a: '1' }));
  const other = await store.put(await source({ a: '2' }));
  expect(await store.prune(new Set([kept.digest]))).toBe(1);
  expect(await readdir(bundles)).toEqual([kept.digest]);
  await expect(store.open(other.digest)).rejects.toMatchObject({ code: 'bundle_not_found' });
});

test('what a crash left half-written is deleted at start', async () => {
  await mkdir(join(bundles, '.incoming-abc/files'), { recursive: true });
  const store = new DirectoryBundleStore({ directory: bundles });
  await store.start();
  expect(await readdir(bundles)).toEqual([]);
});
