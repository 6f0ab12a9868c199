import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { installFakeFirecracker } from '../../../../tests/support/fake-firecracker.ts';
import { vsockPorts } from '../support/guest/guest-init.ts';
import { isRoot } from '../support/jail/host-environment.ts';
import { SlotTable } from '../support/jail/slots.ts';
import { GuestCalls } from './guest-calls.ts';
import { JailDirectory, jailed } from './jail-directory.ts';
import { jailerCommand } from './jailer-command.ts';
import { MetricsReader } from './metrics-reader.ts';
import { hostLimits } from './microvm-settings.ts';
import { type ProbeParts, probeFirecracker } from './probe.ts';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'hearth-fc-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe.skipIf(process.arch !== 'x64')('the probe', () => {
  const probe = async (change: Partial<ProbeParts> = {}) =>
    await probeFirecracker({
      ...installFakeFirecracker(directory),
      kvmPath: '/dev/null',
      openHost: () => ({ cgroups: { enforces: new Set(['memory', 'pids', 'cpu']) } }) as never,
      tryOut: () => Promise.resolve({ notes: ['it boots'] }),
      whyNoEgress: () => Promise.resolve(undefined),
      ...change,
    });

  it('says what is missing, first things first, and how to get it', async () => {
    expect(await probe({ firecrackerPath: undefined })).toMatchObject({
      status: 'undetected',
      fix: expect.stringContaining('scripts/setup_firecracker.sh'),
    });
    expect(await probe({ firecrackerPath: '/no/firecracker' })).toMatchObject({
      reason: 'there is no /no/firecracker',
    });
    expect(await probe({ jailerPath: undefined })).toMatchObject({
      status: 'unhealthy',
      fix: expect.stringContaining('HEARTH_FIRECRACKER_JAILER_PATH'),
    });
    expect(await probe({ firecrackerPath: '/bin/echo' })).toMatchObject({
      reason: expect.stringContaining('tells no version'),
    });
  });

  it('wants a version that it knows, and a jailer of the same', async () => {
    const old = installFakeFirecracker(directory, { version: '1.7.0' });
    expect(await probe(old)).toMatchObject({ reason: 'Firecracker 1.7.0 is too old, 1.8 is needed' });
    expect(await probe({ jailerPath: old.jailerPath })).toMatchObject({
      reason: 'Firecracker is 1.16.0, its jailer 1.7.0; they must be of one release',
    });
  });

  it('opens the device of KVM, looks at control groups, and boots a guest', async (context) => {
    context.skip(!isRoot(), 'needs root, as the jailer does');
    expect(await probe({ kvmPath: '/no/kvm' })).toMatchObject({
      reason: '/no/kvm cannot be opened (ENOENT)',
      fix: expect.stringContaining('modprobe'),
    });
    const none = () => ({ cgroups: { enforces: new Set(['memory']) } }) as never;
    expect(await probe({ openHost: none })).toMatchObject({ reason: expect.stringContaining('pids, cpu') });
    const broken = () => Promise.reject(new Error('there is no kernel; install one (apt-get install linux)'));
    expect(await probe({ tryOut: broken })).toMatchObject({ fix: 'install one (apt-get install linux)' });
    expect(await probe()).toMatchObject({
      ...{ status: 'healthy', version: 'Firecracker 1.16.0', notes: ['it boots'] },
      egress: new Set(['none', 'all']),
    });
    expect(await probe({ whyNoEgress: () => Promise.resolve('nftables is not installed') })).toMatchObject({
      egress: new Set(['none']),
      notes: ['it boots', 'egress "all" is not there: nftables is not installed'],
    });
  });
});

it('starts the jailer with a user, a root and a network of its own', () => {
  const options = {
    jailer: '/bin/echo',
    firecracker: '/opt/firecracker',
    id: '7',
    uid: 201_007,
    baseDirectory: '/run/x y',
    apiSocket: '/api.sock',
    maxFileBytes: 4096,
    namespace: undefined,
  };
  const { file, args } = jailerCommand(options);
  const inOne = jailerCommand({ ...options, namespace: '/run/netns/hearth201-7' }).args;
  expect(inOne).not.toContain('--net');
  expect(inOne[inOne.indexOf('--netns') + 1]).toBe('/run/netns/hearth201-7');
  expect(args).toEqual(
    expect.arrayContaining(['--net', '--uid', '201007', '--gid', '201007', '/run/x y', 'fsize=4096']),
  );
  // It begins only when it is told to, and with every word as it was.
  const echo = args.filter((word) => !['unshare', '--net', '--ipc', '--uts'].includes(word));
  expect(execFileSync(file, echo, { input: 'go\n', encoding: 'utf8' })).toMatch(
    /^--id 7 --exec-file .* \/run\/x y .* -- --api-sock \/api\.sock\n$/,
  );
  expect(() => execFileSync(file, echo, { input: '', stdio: ['pipe', 'ignore', 'ignore'] })).toThrow();
});

it('gives Firecracker more than its guest has', () => {
  const limits = { memoryMb: 128, cpus: 1.5, maxPids: 32, tmpMb: 8, egress: 'none' } as const;
  expect(hostLimits(limits)).toEqual({ memoryBytes: (128 + 72 + 4 + 64) * 1024 * 1024, cpus: 1.75, maxPids: 82 });
});

describe('calls of the guest', () => {
  const own = process.getuid?.() ?? 0;
  const call = (path: string, name: keyof typeof vsockPorts) =>
    connect(`${path}_${vsockPorts[name]}`).on('error', () => undefined);

  it('are taken once each, and are all that anybody hears', async () => {
    const path = join(directory, 'v.sock');
    const calls = await GuestCalls.listen(path, own);
    const names = Object.keys(vsockPorts) as (keyof typeof vsockPorts)[];
    for (const name of names) call(path, name).write(name);
    const streams = await calls.streams;
    for (const name of names) {
      expect(String((await streams[name].iterator({ destroyOnReturn: false }).next()).value)).toBe(name);
    }
    const late = call(path, 'control');
    await new Promise((resolve) => late.once('close', resolve));
    expect(late.bytesRead).toBe(0);
    calls.close();
    expect(streams.control.destroyed).toBe(true);
  });

  it('reject when the guest ends before', async () => {
    const calls = await GuestCalls.listen(join(directory, 'w.sock'), own);
    calls.close();
    await expect(calls.streams).rejects.toMatchObject({ code: 'guest_lost' });
  });
});

describe('the directory of a jail', () => {
  const make = async (code?: string) => {
    const file = (name: string): string => {
      const path = join(directory, name);
      writeFileSync(path, name);
      chmodSync(path, 0o644);
      return path;
    };
    const place = mkdtempSync(join(directory, 'slots-'));
    const slot = new SlotTable({ directory: place, count: 1 }).take();
    const boot = { kernel: file('vmlinux'), kernelVersion: '6', initrd: file('initrd'), root: file('root') };
    const jail = await JailDirectory.make({
      slot,
      uid: process.getuid?.() ?? 0,
      boot,
      code,
      firecracker: '/x/firecracker',
    });
    return { jail, root: join(place, '1/firecracker/1/root') };
  };

  it('has what the microVM boots from, and a device of one sector for code that comes later', async () => {
    const { jail, root } = await make();
    expect(readFileSync(root + jailed.kernel, 'utf8')).toBe('vmlinux');
    expect(readFileSync(root + jailed.code)).toHaveLength(512);
    jail.close();
    jail.close();
  });

  it('never writes through what the microVM has put into it', async () => {
    const { jail, root } = await make(join(directory, 'vmlinux'));
    const victim = join(directory, 'victim');
    writeFileSync(victim, 'untouched');
    symlinkSync(victim, root + jailed.lateCode);
    await expect(jail.addCode(join(directory, 'initrd'))).rejects.toMatchObject({ code: 'EEXIST' });
    expect(readFileSync(victim, 'utf8')).toBe('untouched');
    jail.close();
  });
});

it('sums up metrics, and leaves out what makes no sense', async () => {
  const source = new PassThrough();
  const metrics = new MetricsReader(source);
  source.write('{"block":{"read_bytes":10}}\n{"blo');
  source.write('ck":{"read_bytes":5}}\nnonsense\n{"block":{"read_bytes":-7}}\n{}\nnull\n');
  await new Promise((resolve) => setImmediate(resolve));
  expect(metrics.diskReadBytes).toBe(15);
});
