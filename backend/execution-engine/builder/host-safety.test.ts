import { chmod, chown, lstat, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { BuildSandbox } from './build-sandbox.ts';
import { NpmCache } from './npm-cache.ts';
import { takeOwnership } from './ownership.ts';
import { firstReachableDirectory } from './reachable-path.ts';
import { RegistryProxy } from './registry-proxy.ts';

/** What a hostile build could leave behind for the platform to trip over. */
const isRoot = process.getuid?.() === 0;
let work: string;
beforeEach(async () => {
  work = await mkdtemp(join(tmpdir(), 'hearth-host-'));
  await chmod(work, 0o755);
});
afterEach(async () => await rm(work, { recursive: true, force: true }));

test.skipIf(!isRoot)('ownership of a link is taken, never of what it points to', async () => {
  const victim = join(work, 'victim');
  await mkdir(victim);
  await writeFile(join(victim, 'file'), '');
  await chown(join(victim, 'file'), 1234, 1234);
  await symlink(victim, join(work, 'node_modules'));
  await takeOwnership(join(work, 'node_modules'), 4321);
  expect((await lstat(join(work, 'node_modules'))).uid).toBe(4321);
  expect((await lstat(join(victim, 'file'))).uid).toBe(1234);
});

test('the npm cache takes nothing over through a link', async () => {
  // The SHA-512 of nothing, so that the file itself is right.
  const hash =
    'cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e';
  const place = `${hash.slice(0, 2)}/${hash.slice(2, 4)}`;
  const elsewhere = join(work, 'elsewhere/_cacache/content-v2/sha512');
  await mkdir(join(elsewhere, place), { recursive: true });
  await writeFile(join(elsewhere, place, hash.slice(4)), '');
  const cache = new NpmCache({ directory: join(work, 'cache'), maxBytes: 1000 });
  await symlink(join(work, 'elsewhere'), join(work, 'npm'));
  await cache.adopt(join(work, 'npm'));
  await expect(readdir(join(work, 'cache/npm'))).rejects.toThrow('ENOENT');
  await cache.adopt(join(work, 'elsewhere'));
  expect(await readdir(join(work, 'cache/npm', place))).toEqual([hash.slice(4)]);
});

test('a directory that somebody else may have prepared is passed over', async () => {
  const real = join(work, 'real');
  await mkdir(real, { mode: 0o700 });
  await symlink(real, join(work, 'link'));
  expect(await firstReachableDirectory([join(work, 'link')])).toBeUndefined();
  expect((await lstat(real)).mode & 0o777).toBe(0o700);
  if (!isRoot) return;
  await mkdir(join(work, 'theirs'));
  await chown(join(work, 'theirs'), 1234, 1234);
  expect(await firstReachableDirectory([join(work, 'theirs'), join(work, 'ours')])).toBe(join(work, 'ours'));
});

test('a build dies before the platform when memory runs out', async () => {
  await mkdir(join(work, 'app'));
  const sandbox = new BuildSandbox({
    bwrapPath: '/usr/bin/bwrap',
    memoryMb: 256,
    maxProcesses: 64,
    maxDiskBytes: 10_000_000,
    maxDiskFiles: 100,
    maxMs: 20_000,
  });
  const lines: string[] = [];
  await sandbox.run({
    argv: ['/bin/cat', '/proc/self/oom_score_adj'],
    mounts: [{ hostPath: join(work, 'app'), guestPath: '/build/app' }],
    env: {},
    diskDirectory: work,
    onLine: (line) => lines.push(line),
    signal: new AbortController().signal,
  });
  expect(lines).toEqual(['1000']);
});

test('a build cannot use up the descriptors of the platform', async () => {
  const proxy = new RegistryProxy({ allowed: [], maxBytes: 1000 });
  await proxy.listen(join(work, 'proxy.sock'));
  const sockets: Socket[] = [];
  try {
    const refused = await new Promise<boolean>((resolve) => {
      for (let i = 0; i < 200; i++) {
        const socket = connect(join(work, 'proxy.sock'));
        socket.on('error', () => undefined);
        socket.once('close', () => resolve(true));
        sockets.push(socket);
      }
    });
    expect(refused).toBe(true);
  } finally {
    for (const socket of sockets) socket.destroy();
    await proxy.close();
  }
});
