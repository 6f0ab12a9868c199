import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RuntimePlan } from '../../../core/ports/runtime-adapter.ts';
import { bootVolume, tmpVolumeMb } from './boot-volume.ts';
import { ConsoleFilter } from './console-filter.ts';
import { reportOfUnikernel, type UnikernelEnding } from './ending.ts';
import { quoted, volumeManifest } from './manifest.ts';
import { mkfsArguments, runMkfs } from './mkfs.ts';
import { NanosDriver } from './nanos-driver.ts';
import { findNanos } from './nanos-release.ts';
import { probeNanos } from './probe.ts';
import { hostLimits, qemuCommand, unikernelMemoryMb } from './qemu-arguments.ts';
import { VolumeStore } from './volume-store.ts';

const limits = { memoryMb: 128, cpus: 1.5, maxPids: 16, tmpMb: 8, egress: 'none' } as const;
let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'hearth-nanos-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** Writes its arguments and what it reads into the volume, so that a test sees both; `behaviour` comes first. */
function fakeNanos(behaviour = ''): string {
  const home = join(directory, 'nanos');
  mkdirSync(home, { recursive: true });
  for (const name of ['kernel.img', 'boot.img']) writeFileSync(join(home, name), name);
  writeFileSync(join(home, 'VERSION'), '0.1.55\n');
  const script = `#!/bin/sh\n${behaviour}\nfor last; do :; done\n{ echo "$@"; /bin/cat; } >"$last"\n`;
  writeFileSync(join(home, 'mkfs'), script, { mode: 0o755 });
  return home;
}

describe('manifests', () => {
  it('nests directories, links and files, with names that mean something to the parser', () => {
    const entries = [
      { kind: 'directory', path: 'usr/lib', mode: 0o755 },
      { kind: 'symlink', path: 'lib', target: 'usr/lib' },
      { kind: 'file', path: 'usr/lib/a "b\\c).so', mode: 0o444, hostPath: '/host/a b', sizeBytes: 1 },
      { kind: 'bytes', path: 'deep/__proto__/x', mode: 0o444, bytes: Buffer.from('x') },
    ] as const;
    const manifest = volumeManifest(entries, (entry) => (entry.kind === 'file' ? entry.hostPath : '/draft/0'));
    expect(manifest.replaceAll('\n', ' ')).toBe(
      '(children:("usr":(children:("lib":(children:("a \\"b\\\\c).so":(contents:(host:"/host/a b")))))) "lib":(linktarget:"usr/lib") "deep":(children:("__proto__":(children:("x":(contents:(host:"/draft/0"))))))))',
    );
    expect(() => quoted('a\0b')).toThrow('NUL');
  });

  it('starts the agent with channel and key, and mounts nothing for writing but /tmp', () => {
    const plan: RuntimePlan = {
      runtime: 'nodejs',
      argv: ['/opt/node', '--flag', 'two words'],
      env: { A: '"quoted"', HEARTH_CHANNEL: 'tcp:evil:1' },
      agent: { hostPath: '/x', guestPath: '/hearth/agent.cjs' },
      toolchain: [{ hostPath: '/y', guestPath: '/opt/node' }],
    };
    const manifest = bootVolume({ plan, key: 'f00d', hasCode: true });
    expect(manifest).toContain('program:"/opt/node"');
    expect(manifest).toContain('arguments:["/opt/node" "--flag" "two words"]');
    expect(manifest).toContain('"A":"\\"quoted\\""');
    expect(manifest).toContain('"HEARTH_CHANNEL":"tcp:10.0.2.100:1025" "HEARTH_CHANNEL_KEY":"f00d"');
    expect(manifest).toContain('mounts:(runtime:"/hearth-runtime:ro" tmp:"/tmp" app:"/app:ro")');
    expect(manifest).toContain('"opt":(linktarget:"hearth-runtime/opt")');
    expect(manifest).toContain('readonly_rootfs:t');
    expect(bootVolume({ plan, key: 'f00d', hasCode: false })).not.toContain('app:');
  });
});

describe('mkfs', () => {
  it('is given loader and kernel, a label or a size', () => {
    const boot = { loader: '/n/boot.img', kernel: '/n/kernel.img' };
    expect(mkfsArguments({ mkfs: 'm', file: '/f', boot })).toEqual(['-b', '/n/boot.img', '-k', '/n/kernel.img', '/f']);
    expect(mkfsArguments({ mkfs: 'm', file: '/f', label: 'tmp', sizeMb: 10 })).toEqual([
      '-l',
      'tmp',
      '-s',
      '10M',
      '/f',
    ]);
  });

  it('gets the manifest, and its complaint is the reason', async () => {
    const file = join(directory, 'volume');
    await runMkfs('(children:())', { mkfs: join(fakeNanos(), 'mkfs'), file, label: 'x' });
    expect(readFileSync(file, 'utf8')).toBe(`-l x ${file}\n(children:())`);
    const failing = join(fakeNanos('echo "couldn\'t stat file /x" >&2; exit 1'), 'mkfs');
    await expect(runMkfs('(', { mkfs: failing, file })).rejects.toMatchObject({
      code: 'image_not_built',
      message: expect.stringContaining("couldn't stat file /x"),
    });
    await expect(runMkfs('(', { mkfs: '/no/mkfs', file })).rejects.toMatchObject({ code: 'image_not_built' });
  });

  it('makes a volume once, readable for all, also of code that only its owner could read or whose path is long', async () => {
    const store = new VolumeStore(join(directory, 'volumes'));
    const nanos = findNanos(fakeNanos());
    const code = join(directory, 'code', 'd'.repeat(200), 'e'.repeat(100));
    mkdirSync(code, { recursive: true });
    writeFileSync(join(code, 'x.js'), 'exports.a = 1', { mode: 0o600 });
    const image = { digest: 'd1' as never, directory: join(directory, 'code'), sizeBytes: 1, fileCount: 1 };
    const [one, two] = await Promise.all([store.code(nanos, image), store.code(nanos, image)]);
    expect(one).toBe(two);
    expect(statSync(one).mode & 0o777).toBe(0o444);
    const manifest = readFileSync(one, 'utf8');
    const host = /host:"([^"]+)"/.exec(manifest)?.[1] ?? '';
    expect(Buffer.byteLength(host)).toBeLessThan(256);
    rmSync(join(directory, 'nanos', 'mkfs'));
    expect(await store.code(nanos, image)).toBe(one);
  });
});

describe('QEMU', () => {
  const argv = qemuCommand({ limits, accelerator: 'tcg', hasCode: true });

  it('opens nothing but inherited descriptors, and only /tmp for writing', () => {
    const paths = argv.filter((word) => word.includes('/') && !/^\/usr\/bin\/qemu|\/dev\/urandom/.test(word));
    expect(paths.every((word) => /file=\/proc\/self\/fd\/\d+,/.test(word))).toBe(true);
    expect(
      argv
        .filter((word) => word.startsWith('if=none'))
        .map((word) => [word.split(',')[1], word.includes('readonly=on')]),
    ).toEqual([
      ['id=boot', true],
      ['id=runtime', true],
      ['id=tmp', false],
      ['id=code', true],
    ]);
  });

  it('limits how fast each disk is read and written by the CPUs of the version', () => {
    const drives = argv.filter((word) => word.startsWith('if=none'));
    const rate = 'throttling.bps-total=402653184,throttling.iops-total=30000';
    expect(drives.filter((word) => word.split(',readonly')[0]?.endsWith(rate))).toHaveLength(4);
  });

  it('gives an emulated guest no timer by which it would measure its processor', () => {
    expect(argv).toContain('q35,pit=off');
    expect(qemuCommand({ limits, accelerator: 'kvm', hasCode: true })).toContain('q35');
  });

  it('gives the guest a network that leads to the channel alone', () => {
    const network = argv.filter((word) => word.startsWith('user,'));
    expect(network).toEqual(['user,id=net,restrict=on,ipv6=off,guestfwd=tcp:10.0.2.100:1025-chardev:channel']);
    expect(argv.join(' ')).not.toMatch(/hostfwd|tap|bridge/);
  });

  it('limits QEMU to the CPU time of the version, and to its memory and what QEMU and the kernel need', () => {
    expect(argv[argv.indexOf('-smp') + 1]).toBe('2');
    expect(argv[argv.indexOf('-m') + 1]).toBe(`${unikernelMemoryMb(limits)}M`);
    expect(hostLimits(limits, 'tcg').cpus).toBe(1.5);
    expect(hostLimits(limits, 'tcg').memoryBytes).toBeGreaterThan(unikernelMemoryMb(limits) * 1024 * 1024);
    expect(hostLimits(limits, 'kvm').memoryBytes).toBeLessThan(hostLimits(limits, 'tcg').memoryBytes);
    expect(tmpVolumeMb(limits)).toBeGreaterThan(limits.tmpMb);
    expect(qemuCommand({ limits, accelerator: 'kvm', hasCode: false }).join(' ')).toContain('-accel kvm -cpu host');
  });
});

describe('the console', () => {
  const read = async (...chunks: readonly string[]) => {
    const kernel: string[] = [];
    const filter = new ConsoleFilter((line) => kernel.push(line));
    const output = await text(Readable.from(chunks.map((chunk) => Buffer.from(chunk))).pipe(filter));
    return { filter, kernel, output };
  };

  it("keeps what the program says, and leaves out the kernel's, however it is cut", async () => {
    const whole = '[0.572334] en1: assigned 10.0.2.15\nhello\n[1] is mine\n[5.323950] storage_shutdown error: 1\nlast';
    for (const size of [1, 3, 7, 1000]) {
      const chunks = whole.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? [];
      const { filter, kernel, output } = await read(...chunks);
      expect(output).toBe('hello\n[1] is mine\nlast');
      expect(kernel).toEqual(['[0.572334] en1: assigned 10.0.2.15']);
      expect(filter.isShuttingDown).toBe(true);
    }
  });

  it('passes on a line without an end, and what is in the middle of a line', async () => {
    const { output, kernel } = await read('x'.repeat(300), '[0.572334] mine\n', 'y');
    expect(output).toBe(`${'x'.repeat(300)}[0.572334] mine\ny`);
    expect(kernel).toEqual([]);
  });

  it('tells a signal and a lack of memory, and drops the dump that follows', async () => {
    const { filter, output } = await read(
      'before\n[4.394944] page fill failed with (result:out of memory)\n\n*** signal 7 received by tid 2, errno 0\n',
      '   rax: 0000000000000001\n',
    );
    expect(output).toBe('before\n\n');
    expect(filter).toMatchObject({ signal: 7, ranOutOfMemory: true, isShuttingDown: false });
  });
});

describe('the end', () => {
  const ending: UnikernelEnding = {
    code: 15,
    signal: null,
    programSignal: undefined,
    ranOutOfMemory: false,
    isShuttingDown: true,
    heapExhausted: false,
    oomKills: 0,
    reason: undefined,
    vmmComplained: false,
    lastWords: 'words',
  };
  const report = (change: Partial<UnikernelEnding>) => reportOfUnikernel({ ...ending, ...change });

  it.each([
    ['a status', {}, { code: 7, signal: null, outOfMemory: false, reason: undefined }],
    ['status 0', { code: 1, isShuttingDown: false }, { code: 0, reason: undefined }],
    ['a status that looks like a kill', { code: 137 }, { code: 68, signal: null }],
    ['a signal', { code: 19, programSignal: 9 }, { code: null, signal: 'SIGKILL', outOfMemory: false }],
    ['no memory for a page', { programSignal: 7, ranOutOfMemory: true }, { signal: 'SIGBUS', outOfMemory: true }],
    ['no memory for the kernel', { code: 255, ranOutOfMemory: true }, { code: 127, outOfMemory: true }],
    ['a full heap', { programSignal: 6, heapExhausted: true }, { signal: 'SIGABRT', outOfMemory: true }],
    [
      'QEMU killed',
      { code: 137, isShuttingDown: false },
      { code: null, signal: 'SIGKILL', reason: 'the unikernel was killed: words' },
    ],
    ['the group out of memory', { code: 137, isShuttingDown: false, oomKills: 1 }, { outOfMemory: true }],
    ['destroyed', { code: null, signal: 'SIGKILL', reason: 'over' }, { signal: 'SIGKILL', reason: 'over' }],
    [
      'destroyed when QEMU had been killed already',
      { code: 137, isShuttingDown: false, reason: 'over' },
      { signal: 'SIGKILL', reason: 'the unikernel was killed: words' },
    ],
    [
      'QEMU refused',
      { code: 1, isShuttingDown: false, vmmComplained: true },
      { code: 1, reason: 'the unikernel ended: words' },
    ],
  ] as const)('is told: %s', (_what, change, expected) => {
    expect(report(change)).toMatchObject(expected);
  });
});

describe('what is missing', () => {
  const findings = async (home: string, qemuPath: string | undefined = '/usr/bin/true') =>
    await probeNanos({
      findNanos: () => findNanos(home),
      qemuPath,
      bwrapPath: '/usr/bin/true',
      openHost: () => ({ cgroups: { enforces: new Set(['memory', 'pids', 'cpu']) } }) as never,
      tryOut: () => Promise.resolve({ notes: [] }),
    });

  it('is named, with how to get it', async () => {
    const home = fakeNanos();
    expect(findNanos(home)).toMatchObject({ version: '0.1.55', kernel: join(home, 'kernel.img') });
    expect(await findings(home)).toMatchObject({
      status: 'healthy',
      enforces: new Set(['memory', 'cpu', 'tmp', 'network']),
    });
    expect(await findings('')).toMatchObject({
      status: 'undetected',
      reason: 'HEARTH_NANOS_HOME names no release of Nanos',
      fix: expect.stringContaining('scripts/setup_nanos.sh'),
    });
    rmSync(join(home, 'mkfs'));
    expect(await findings(home)).toMatchObject({
      status: 'undetected',
      reason: `${home} has no mkfs or output/tools/bin/mkfs`,
      fix: expect.stringContaining('make mkfs'),
    });
    expect(await findings(fakeNanos(), '/no/qemu')).toMatchObject({
      status: 'unhealthy',
      reason: 'there is no /no/qemu',
    });
  });

  it('refuses what a unikernel cannot run or give', async () => {
    const driver = new NanosDriver({ home: fakeNanos(), runDirectory: directory, guestDirectory: directory });
    const spec = (runtime: 'custom' | 'nodejs', egress: 'none' | 'all') =>
      ({
        id: 'sbx_1',
        plan: { runtime, argv: [], env: {}, agent: {}, toolchain: [] },
        limits: { ...limits, egress },
      }) as never;
    const { signal } = new AbortController();
    await expect(driver.create(spec('custom', 'none'), signal)).rejects.toMatchObject({
      code: 'runtime_unsupported',
      message: expect.stringContaining('one process'),
    });
    await expect(driver.create(spec('nodejs', 'all'), signal)).rejects.toMatchObject({ code: 'limit_not_enforced' });
    await driver.close();
  });
});

it('leaves nothing of a volume that could not be made', async () => {
  const home = fakeNanos('exit 3');
  chmodSync(join(home, 'mkfs'), 0o755);
  const place = join(directory, 'volumes');
  const image = { digest: 'd2' as never, directory: home, sizeBytes: 1, fileCount: 1 };
  await expect(new VolumeStore(place).code(findNanos(home), image)).rejects.toMatchObject({ code: 'image_not_built' });
  expect(statSync(place).nlink).toBe(2);
});
