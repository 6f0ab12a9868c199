import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PlatformError } from '../../../shared/errors.ts';
import { type CraftedEntry, craftTarGz, craftZip } from '../../../tests/support/archives.ts';
import { StagingTree } from './staging-tree.ts';
import { unpackSource } from './unpack.ts';
import { defaultUnpackLimits, type UnpackLimits } from './unpack-limits.ts';

let work: string;
beforeEach(async () => {
  work = await mkdtemp(join(tmpdir(), 'hearth-unpack-'));
  await mkdir(join(work, 'out'));
});
afterEach(() => rm(work, { recursive: true, force: true }));

const signal = new AbortController().signal;

async function unpack(
  format: 'zip' | 'tar.gz',
  entries: readonly CraftedEntry[] | Buffer,
  limits: Partial<UnpackLimits> = {},
  handler = 'index',
): Promise<string> {
  const path = join(work, 'upload');
  const craft = format === 'zip' ? craftZip : craftTarGz;
  await writeFile(path, Buffer.isBuffer(entries) ? entries : craft(entries));
  return unpackSource(
    { kind: 'archive', path, format },
    join(work, 'out'),
    handler,
    { ...defaultUnpackLimits, ...limits },
    signal,
  );
}

async function openFiles(): Promise<readonly string[]> {
  const open = (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => ''));
  return (await Promise.all(open)).filter((path) => path.startsWith(work));
}

/** What is refused leaves no file open. */
async function refusal(run: Promise<unknown>): Promise<PlatformError> {
  const error = await run.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(PlatformError);
  // The archive is closed a moment later.
  await expect.poll(openFiles).toEqual([]);
  return error as PlatformError;
}

describe.each(['zip', 'tar.gz'] as const)('a %s', (format) => {
  test('is unpacked with its executable bits', async () => {
    const root = await unpack(format, [
      { name: 'index.mjs', content: 'export {}' },
      { name: 'bin/run', content: '#!/bin/sh', mode: 0o100755 },
      { name: '__proto__', content: 'a plain name' },
    ]);
    expect(await readFile(join(root, 'index.mjs'), 'utf8')).toBe('export {}');
    expect((await stat(join(root, 'bin/run'))).mode & 0o777).toBe(0o755);
    expect(await readFile(join(root, '__proto__'), 'utf8')).toBe('a plain name');
  });

  test.each(['../evil', 'a/../../evil', '/tmp/hearth-evil', 'C:/evil', 'a\\evil'])(
    'that holds %j is refused and nothing is written outside',
    async (name) => {
      const error = await refusal(unpack(format, [{ name, content: 'x' }]));
      expect(error.kind).toBe('invalid_request');
      expect(error.message).toMatch(/evil|relative|absolute|invalid/);
      expect(await readdir(work)).toEqual(['out', 'upload']);
      expect(await readdir(join(work, 'out'), { recursive: true })).toEqual([]);
    },
  );

  test('with the same name twice is refused', async () => {
    const twice = [
      { name: 'index.mjs', content: '1' },
      { name: './index.mjs', content: '2' },
    ];
    expect((await refusal(unpack(format, twice))).message).toContain('twice');
  });

  test('with names that differ in case is fine', async () => {
    const root = await unpack(format, [{ name: 'A.js' }, { name: 'a.js' }]);
    expect((await readdir(root)).sort()).toEqual(['A.js', 'a.js']);
  });

  test('with a file that is also a folder is refused, either way round', async () => {
    const first = await refusal(unpack(format, [{ name: 'a' }, { name: 'a/b' }]));
    expect(first.message).toContain('also a file');
    await rm(join(work, 'out'), { recursive: true });
    await mkdir(join(work, 'out'));
    const second = await refusal(unpack(format, [{ name: 'a/b' }, { name: 'a' }]));
    expect(second.message).toContain('both a file and a folder');
  });

  test('that is a bomb stops at the ratio long before it is whole', async () => {
    const error = await refusal(unpack(format, [{ name: 'zeros', content: Buffer.alloc(40 * 1024 * 1024) }]));
    expect(error.kind).toBe('payload_too_large');
    expect(error.message).toContain('bomb');
    const written = await stat(join(work, 'out/zeros')).catch(() => undefined);
    expect(written?.size ?? 0).toBeLessThan(16 * 1024 * 1024);
  });

  test('stops at the byte cap and at the file cap', async () => {
    const large = await refusal(unpack(format, [{ name: 'a', content: Buffer.alloc(5000, 'x') }], { maxBytes: 4000 }));
    expect(large.code).toBe('bundle_too_large');
    const many = Array.from({ length: 30 }, (_, i) => ({ name: `f${i}` }));
    expect((await refusal(unpack(format, many, { maxFiles: 20 }))).message).toContain('more than 20 files');
  });

  test('that is not one is refused as such', async () => {
    const error = await refusal(unpack(format, Buffer.from('hello')));
    expect(error.code).toBe('bundle_archive_invalid');
    expect(error.message).toContain(`.${format} archive`);
    expect((await refusal(unpack(format, Buffer.alloc(0)))).kind).toBe('invalid_request');
  });

  test('that is cut short is refused', async () => {
    const whole = (format === 'zip' ? craftZip : craftTarGz)([
      { name: 'index.mjs', content: Buffer.from(Array.from({ length: 9000 }, (_, i) => (i * i * 31) & 255)) },
    ]);
    const error = await refusal(unpack(format, whole.subarray(0, whole.length - 400)));
    expect(error.code).toBe('bundle_archive_invalid');
  });

  test('whose time is up is refused as too large', async () => {
    const entries = Array.from({ length: 500 }, (_, i) => ({ name: `f${i}`, content: 'x' }));
    const error = await refusal(unpack(format, entries, { maxUnpackMs: 1 }));
    expect(error.message).toContain('did not unpack within 0.001 s');
  });

  test('with one top-level folder is unpacked from inside it', async () => {
    const root = await unpack(format, [{ name: 'app-main/index.mjs' }, { name: 'app-main/lib/a.js' }]);
    expect((await readdir(root)).sort()).toEqual(['index.mjs', 'lib']);
  });

  test('whose handler lies in its only folder keeps the folder', async () => {
    for (const beside of ['src/other.mjs', 'src/package.json']) {
      await rm(join(work, 'out'), { recursive: true });
      await mkdir(join(work, 'out'));
      const root = await unpack(format, [{ name: 'src/index.mjs' }, { name: beside }], {}, 'src/index');
      expect(await readdir(root)).toEqual(['src']);
    }
  });
});

describe.each(['zip', 'tar.gz'] as const)('a %s that ends otherwise', (format) => {
  test('has no files but folders', async () => {
    const error = await refusal(unpack(format, [{ name: 'empty/', type: '5', mode: 0o040755 }]));
    expect([error.kind, error.code]).toEqual(['invalid_request', 'bundle_empty']);
    expect(error.message).toContain('upload at least the handler');
  });

  test('is given up by its caller, who is told the own reason', async () => {
    const path = join(work, 'upload');
    await writeFile(path, (format === 'zip' ? craftZip : craftTarGz)([{ name: 'a' }]));
    const source = { kind: 'archive', path, format } as const;
    const stopped = AbortSignal.abort(new Error('the caller left'));
    const run = unpackSource(source, join(work, 'out'), 'index', defaultUnpackLimits, stopped);
    await expect(run).rejects.toThrow('the caller left');
  });

  test('is not there: that is no fault of its size', async () => {
    const source = { kind: 'archive', path: join(work, 'none'), format } as const;
    const run = unpackSource(source, join(work, 'out'), 'index', defaultUnpackLimits, signal);
    await expect(run).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('a tree', () => {
  const MiB = 1024 * 1024;
  const treeOf = (limits: Partial<UnpackLimits>) =>
    new StagingTree({ directory: join(work, 'out'), limits: { ...defaultUnpackLimits, ...limits } });
  async function* pieces(...texts: readonly string[]): AsyncGenerator<Buffer> {
    for (const text of texts) yield Buffer.from(text);
  }

  test('knows its files and bytes, and takes exactly as much as it may', async () => {
    const tree = treeOf({ maxFiles: 4, maxBytes: 5 });
    await tree.addDirectory('lib');
    await tree.addFile('lib/a.sh', Buffer.from('abc'), true);
    await tree.addFile('b', pieces('d', 'e'));
    await tree.addFile('c', Buffer.alloc(0));
    expect([tree.files(), tree.sizeBytes]).toEqual([['lib/a.sh', 'b', 'c'], 5]);
    const modes = ['lib/a.sh', 'b', 'c'].map(async (path) => (await stat(join(tree.directory, path))).mode & 0o777);
    expect(await Promise.all(modes)).toEqual([0o755, 0o644, 0o644]);
    expect((await refusal(tree.addDirectory('more'))).message).toContain('more than 4 files and folders');
  });

  test.each([
    ['whole', (size: number) => Buffer.alloc(size)],
    ['in pieces', (size: number) => pieces('x'.repeat(size - 1), 'x')],
  ])('says how much it may be when a file that comes %s is more', async (_how, contentOf) => {
    const error = await refusal(treeOf({ maxBytes: 2 * MiB }).addFile('a', contentOf(2 * MiB + 1)));
    expect(error.message).toContain('unpacks to more than 2 MiB');
  });

  test('writes over nothing that somebody else put there', async () => {
    await writeFile(join(work, 'out/a'), 'theirs');
    for (const content of [Buffer.from('ours'), pieces('ours')])
      await expect(treeOf({}).addFile('a', content)).rejects.toMatchObject({ code: 'EEXIST' });
    expect(await readFile(join(work, 'out/a'), 'utf8')).toBe('theirs');
  });

  test('may be a MiB, and so many times what was packed', () => {
    const tree = treeOf({ maxRatio: 100 });
    tree.checkRatio(10, MiB + 1000);
    expect(() => tree.checkRatio(10, MiB + 1001)).toThrow('more than 100 times its size');
  });
});

describe.each(['zip', 'tar.gz'] as const)('what tools add to a %s', (format) => {
  test('folders are made, empty ones too', async () => {
    const [type, mode] = ['5', 0o040755];
    const root = await unpack(format, [
      { name: 'index.mjs' },
      { name: 'empty/', type, mode },
      { name: 'lib', type, mode },
      { name: 'lib/a.js' },
      { name: './', type, mode },
    ]);
    expect((await readdir(root, { recursive: true })).sort()).toEqual(['empty', 'index.mjs', 'lib', 'lib/a.js']);
  });

  test('the litter of macOS is left out', async () => {
    const names = ['app/index.mjs', '__MACOSX/app/._index.mjs', '.DS_Store'];
    const root = await unpack(
      format,
      names.map((name) => ({ name })),
    );
    expect(await readdir(root)).toEqual(['index.mjs']);
    expect(await readdir(join(work, 'out'))).toEqual(['app']);
  });

  test('one folder that has nothing of a project stays', async () => {
    expect(await readdir(await unpack(format, [{ name: 'docs/indexes.txt' }, { name: 'docs/b.txt' }]))).toEqual([
      'docs',
    ]);
  });

  test.each(['package.json', 'requirements.txt', 'index', 'index.mjs'])(
    'one folder with %s is the root',
    async (name) => {
      expect(await readdir(await unpack(format, [{ name: `app/${name}` }]))).toEqual([name]);
    },
  );

  test('two folders stay as they are', async () => {
    const root = await unpack(format, [{ name: 'a/index.mjs' }, { name: 'b/index.mjs' }]);
    expect((await readdir(root)).sort()).toEqual(['a', 'b']);
  });
});

test('modes of a zip count when it was packed on Unix', async () => {
  const entries = [{ name: 'run', mode: 0o120777, madeOn: 0 }, { name: 'b' }, { name: 'folder/', madeOn: 0 }];
  const root = await unpack('zip', entries);
  expect((await stat(join(root, 'run'))).mode & 0o777).toBe(0o644);
  expect((await stat(join(root, 'folder'))).isDirectory()).toBe(true);
});

test('an encrypted zip is refused', async () => {
  expect((await refusal(unpack('zip', [{ name: 'a', flags: 0x0801 }]))).message).toContain('without a password');
});

test('a tar without a mode has a plain file', async () => {
  const root = await unpack('tar.gz', [{ name: 'a', modeField: '       ' }, { name: 'b' }]);
  expect((await stat(join(root, 'a'))).mode & 0o777).toBe(0o644);
});

test('a tar has files of three kinds, and what is of a kind that nobody knows is refused', async () => {
  const kinds = ['0', '\0', '7'].map((type, i) => ({ name: `f${i}`, content: 'x', type }));
  const root = await unpack('tar.gz', kinds);
  const contents = await Promise.all(kinds.map(({ name }) => readFile(join(root, name), 'utf8')));
  expect(contents).toEqual(['x', 'x', 'x']);
  await rm(root, { recursive: true });
  await mkdir(root);
  const error = await refusal(unpack('tar.gz', [{ name: 'a' }, { name: 'odd', type: 'Z' }]));
  expect(error.message).toContain('"odd" is of an unknown kind (Unsupported); leave it out');
});

test('a tar that cannot be read is refused, and not waited for', async () => {
  const path = join(work, 'folder');
  await mkdir(path);
  const source = { kind: 'archive', path, format: 'tar.gz' } as const;
  const error = await refusal(unpackSource(source, join(work, 'out'), 'index', defaultUnpackLimits, signal));
  expect(error.message).toContain('EISDIR');
});

test('a tar whose header does not add up is refused', async () => {
  const bytes = gunzipSync(craftTarGz([{ name: 'a' }, { name: 'b' }]));
  bytes.write('x', 512);
  const error = await refusal(unpack('tar.gz', gzipSync(bytes)));
  expect(error.message).toMatch(/TAR_ENTRY_INVALID.*pack it again/);
});

test.each([
  ['a symbolic link', { name: 'l', content: '/etc/passwd', mode: 0o120777 }, 'symbolic link'],
  ['a device', { name: 'd', mode: 0o020666 }, 'not a regular file'],
  ['a fifo', { name: 'd', mode: 0o010666 }, 'not a regular file'],
])('a zip with %s is refused', async (_what, entry, reason) => {
  expect((await refusal(unpack('zip', [entry]))).message).toContain(reason);
});

test('a zip that lies about a size is refused', async () => {
  const error = await refusal(unpack('zip', [{ name: 'a', content: 'x'.repeat(5000), claimedBytes: 10 }]));
  expect(error.code).toBe('bundle_archive_invalid');
});

test.each([
  ['1', 'is a link'],
  ['2', 'is a link'],
  ['3', 'not a regular file'],
  ['4', 'not a regular file'],
  ['6', 'not a regular file'],
])('a tar entry of type %s is refused', async (type, reason) => {
  const entries = [{ name: 'index.mjs' }, { name: 'x', type, linkName: reason === 'is a link' ? '/etc/passwd' : '' }];
  expect((await refusal(unpack('tar.gz', entries))).message).toContain(reason);
});

test('an archive made by tar(1) with long names unpacks', async () => {
  const source = join(work, 'source');
  const long = join('deep'.repeat(20), 'deeper'.repeat(20));
  await mkdir(join(source, long), { recursive: true });
  await writeFile(join(source, long, 'a.txt'), 'hello');
  await writeFile(join(source, 'index.mjs'), 'export {}');
  execFileSync('tar', ['-czf', join(work, 'real.tgz'), '-C', source, '.']);
  const root = await unpack('tar.gz', await readFile(join(work, 'real.tgz')));
  expect(await readFile(join(root, long, 'a.txt'), 'utf8')).toBe('hello');
});

test('inline files are checked and decoded', async () => {
  const files = { 'index.mjs': 'export {}', 'logo.bin': { base64: Buffer.from([0, 255]).toString('base64') } };
  const out = join(work, 'out');
  const root = await unpackSource({ kind: 'inline', files }, out, 'index', defaultUnpackLimits, signal);
  expect(await readFile(join(root, 'logo.bin'))).toEqual(Buffer.from([0, 255]));
  for (const [name, why] of [
    ['../x', '..'],
    ['x/', 'ends with a slash'],
    ['.', 'has no name'],
  ] as const) {
    const evil = { kind: 'inline', files: { [name]: '' } } as const;
    const error = await refusal(unpackSource(evil, out, 'index', defaultUnpackLimits, signal));
    expect(error).toMatchObject({ kind: 'invalid_request', message: expect.stringContaining(why) });
  }
  const stopped = AbortSignal.abort(new Error('the caller left'));
  const aborted = unpackSource({ kind: 'inline', files }, out, 'index', defaultUnpackLimits, stopped);
  await expect(aborted).rejects.toThrow('the caller left');
  const none = { kind: 'inline', files: {} } as const;
  expect((await refusal(unpackSource(none, out, 'index', defaultUnpackLimits, signal))).code).toBe('bundle_empty');
});

test('of inline files only the program of a custom runtime can be run, and their one folder is kept', async () => {
  const out = join(work, 'out');
  const custom = { bootstrap: '#!/bin/sh', 'other.sh': '#!/bin/sh' };
  await unpackSource({ kind: 'inline', files: custom }, out, 'bootstrap', defaultUnpackLimits, signal);
  const modes = Object.keys(custom).map(async (name) => (await stat(join(out, name))).mode & 0o777);
  expect(await Promise.all(modes)).toEqual([0o755, 0o644]);
  await rm(out, { recursive: true });
  await mkdir(out);
  const folder = { 'app/index.mjs': '' };
  expect(await unpackSource({ kind: 'inline', files: folder }, out, 'index', defaultUnpackLimits, signal)).toBe(out);
});
