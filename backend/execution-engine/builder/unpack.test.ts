import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PlatformError } from '../../../shared/errors.ts';
import { type CraftedEntry, craftTarGz, craftZip } from '../../../tests/support/archives.ts';
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

/** What is refused leaves no file open. */
async function refusal(run: Promise<unknown>): Promise<PlatformError> {
  const error = await run.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(PlatformError);
  const open = (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => ''));
  expect((await Promise.all(open)).filter((path) => path.startsWith(join(work, 'out')))).toEqual([]);
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
    expect((await refusal(unpack(format, Buffer.from('hello')))).code).toBe('bundle_archive_invalid');
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
    const error = await refusal(unpack(format, entries, { maxUnpackMs: 0 }));
    expect(error.message).toContain('did not unpack within');
  });

  test('with one top-level folder is unpacked from inside it', async () => {
    const root = await unpack(format, [{ name: 'app-main/index.mjs' }, { name: 'app-main/lib/a.js' }]);
    expect((await readdir(root)).sort()).toEqual(['index.mjs', 'lib']);
  });

  test('whose handler lies in its only folder keeps the folder', async () => {
    const root = await unpack(format, [{ name: 'src/index.mjs' }], {}, 'src/index');
    expect(await readdir(root)).toEqual(['src']);
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
  const entries = [{ name: 'run', mode: 0o120777, madeOn: 0 }, { name: 'b' }];
  const root = await unpack('zip', entries);
  expect((await stat(join(root, 'run'))).mode & 0o777).toBe(0o644);
});

test('an encrypted zip is refused', async () => {
  expect((await refusal(unpack('zip', [{ name: 'a', flags: 0x0801 }]))).message).toContain('without a password');
});

test('a tar without a mode has a plain file', async () => {
  const root = await unpack('tar.gz', [{ name: 'a', modeField: '       ' }, { name: 'b' }]);
  expect((await stat(join(root, 'a'))).mode & 0o777).toBe(0o644);
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
  const none = { kind: 'inline', files: {} } as const;
  expect((await refusal(unpackSource(none, out, 'index', defaultUnpackLimits, signal))).code).toBe('bundle_empty');
});
