import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { npmPackages, packageOf, pipPackages, readMetafile } from './installed-packages.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'hearth-packages-'));
});
afterEach(async () => await rm(root, { recursive: true }));

async function put(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
}

const lock = {
  packages: {
    'node_modules/a': { version: '1.0.0' },
    'node_modules/a/node_modules/@b/c': { version: '2.0.0' },
    'node_modules/@b/c': { version: '3.0.0' },
    'node_modules/mine': { resolved: 'mine', link: true },
  },
};

test('a file belongs to the innermost package', () => {
  const paths = [
    'node_modules/a/index.js',
    'node_modules/a/node_modules/@b/c/lib/x.js',
    'lib/node_modules/z/i.js',
    'a.js',
    'node_modules/.package-lock.json',
  ];
  expect(paths.map(packageOf)).toEqual([
    'node_modules/a',
    'node_modules/a/node_modules/@b/c',
    'lib/node_modules/z',
    undefined,
    undefined,
  ]);
});

test('of a bundle, each package has what is used of it', async () => {
  await put({ 'node_modules/.package-lock.json': JSON.stringify(lock) });
  const inputs = {
    'index.ts': { bytesInOutput: 50 },
    'node_modules/a/index.js': { bytesInOutput: 100 },
    'node_modules/a/more.js': { bytesInOutput: 11 },
    'node_modules/a/node_modules/@b/c/i.js': { bytesInOutput: 7 },
  };
  await put({
    'meta.json': JSON.stringify({ inputs: {}, outputs: { 'index.mjs': { inputs }, 'index.mjs.map': { inputs: {} } } }),
  });
  const used = await readMetafile(join(root, 'meta.json'));
  expect(used?.get('index.ts')).toBe(50);
  expect(await npmPackages(join(root, 'node_modules'), used)).toEqual({
    installer: 'npm',
    isBundled: true,
    items: [
      { name: '@b/c', version: '2.0.0', sizeBytes: 7 },
      { name: '@b/c', version: '3.0.0', sizeBytes: 0 },
      { name: 'a', version: '1.0.0', sizeBytes: 111 },
    ],
  });
});

test('beside the code, each has the size of its files', async () => {
  await put({
    'node_modules/.package-lock.json': JSON.stringify(lock),
    'node_modules/a/index.js': '12345',
    'node_modules/a/node_modules/@b/c/i.js': '123',
  });
  await symlink('/etc/hostname', join(root, 'node_modules/a/link'));
  const packages = await npmPackages(join(root, 'node_modules'), undefined);
  expect(packages?.isBundled).toBe(false);
  expect(packages?.items.map(({ sizeBytes }) => sizeBytes)).toEqual([3, 0, 5]);
});

test('nothing is made up where a list is missing, broken or a link', async () => {
  expect(await npmPackages(join(root, 'node_modules'), new Map())).toBeNull();
  await put({ 'node_modules/.package-lock.json': '{"packages": []}', 'real.json': JSON.stringify({ outputs: {} }) });
  expect(await npmPackages(join(root, 'node_modules'), new Map())).toBeNull();
  await symlink(join(root, 'real.json'), join(root, 'meta.json'));
  expect(await readMetafile(join(root, 'meta.json'))).toBeUndefined();
  expect(await readMetafile(join(root, 'real.json'))).toEqual(new Map());
});

test('keeps the thousand largest, by name', async () => {
  const entries = Array.from({ length: 1200 }, (_, n) => [`node_modules/p${n}`, { version: '1' }] as const);
  await put({ 'node_modules/.package-lock.json': JSON.stringify({ packages: Object.fromEntries(entries) }) });
  const used = new Map(entries.map(([path], n) => [`${path}/i.js`, n]));
  const items = (await npmPackages(join(root, 'node_modules'), used))?.items ?? [];
  expect(items).toHaveLength(1000);
  expect(Math.min(...items.map(({ sizeBytes }) => sizeBytes))).toBe(200);
});

test('of pip, distributions with what their RECORD says', async () => {
  await put({
    'six-1.16.0.dist-info/RECORD':
      'six.py,sha256=x,34549\r\n"a, b.py",sha256=y,51\r\nsix-1.16.0.dist-info/RECORD,,\r\n',
    'typing_extensions-4.1.dist-info/METADATA': '',
    'six.py': '',
    'other-1.dist-info': 'a file',
  });
  expect(await pipPackages(root)).toEqual({
    installer: 'pip',
    isBundled: false,
    items: [
      { name: 'six', version: '1.16.0', sizeBytes: 34600 },
      { name: 'typing_extensions', version: '4.1', sizeBytes: 0 },
    ],
  });
});
