import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseCgroupMounts } from '../cgroup-hierarchies.ts';
import { linkTree, linkTreeSync } from '../file-linking.ts';
import { parseLdd } from '../shared-libraries.ts';
import { bwrapArguments, bwrapCommand } from './bwrap-arguments.ts';
import { CgroupTree } from './cgroup-tree.ts';
import { claimInstance, deadClaims, takeDeadClaim } from './instance-claim.ts';
import { isPassable, openRunDirectory } from './run-directory.ts';
import { SlotTable } from './slots.ts';
import { closingLauncher } from './stray-descriptors.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'hearth-parts-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe('parseCgroupMounts', () => {
  it('finds version 1 controllers and the hybrid version 2 hierarchy', () => {
    const mountinfo = [
      '25 20 0:22 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory',
      '26 20 0:23 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct',
      '27 20 0:24 / /sys/fs/cgroup/unified rw shared:4 - cgroup2 cgroup2 rw',
      '28 20 0:25 / /proc rw - proc proc rw',
    ].join('\n');
    const mounts = parseCgroupMounts(mountinfo, '4:memory:/a/b\n2:cpu,cpuacct:/\n0::/user.slice\n');
    expect(Object.fromEntries(mounts)).toEqual({
      memory: { version: 1, mountPoint: '/sys/fs/cgroup/memory', ownPath: '/a/b' },
      cpu: { version: 1, mountPoint: '/sys/fs/cgroup/cpu,cpuacct', ownPath: '/' },
      cpuacct: { version: 1, mountPoint: '/sys/fs/cgroup/cpu,cpuacct', ownPath: '/' },
      unified: { version: 2, mountPoint: '/sys/fs/cgroup/unified', ownPath: '/user.slice' },
    });
  });

  it("takes paths relative to a container's own root, and undoes escapes", () => {
    const mounts = parseCgroupMounts('1 2 0:3 /docker/x /sys/fs/c\\040g rw - cgroup2 none rw', '0::/docker/x/leaf');
    expect(mounts.get('unified')).toEqual({ version: 2, mountPoint: '/sys/fs/c g', ownPath: '/leaf' });
  });

  it('finds nothing in nonsense', () => {
    expect(parseCgroupMounts('\n- -\nx - cgroup', '::\n').size).toBe(0);
  });
});

describe('CgroupTree', () => {
  it('sets version 2 limits where the controllers are delegated', () => {
    const mountPoint = join(directory, 'cgroup');
    // A directory stands in for the kernel: what a version 2 hierarchy would show in each group.
    for (const path of ['', 'hearth', 'hearth/7']) {
      mkdirSync(join(mountPoint, path), { recursive: true });
      writeFileSync(join(mountPoint, path, 'cgroup.controllers'), 'cpuset cpu memory pids\n');
    }
    const tree = CgroupTree.open({
      mounts: new Map([['unified', { version: 2, mountPoint, ownPath: '/' }]]),
      parent: 'hearth',
      instance: '7',
      fleet: { memoryBytes: 1000, maxPids: 50 },
    });
    expect([...tree.enforces].sort()).toEqual([]);
    expect(readFileSync(join(mountPoint, 'hearth', 'cgroup.subtree_control'), 'utf8')).toBe('+cpu +memory +pids');
    expect(readFileSync(join(mountPoint, 'hearth', 'cpu.weight'), 'utf8')).toBe('100');
  });

  it('names what it has no permission for', () => {
    const tree = CgroupTree.open({
      mounts: new Map([['memory', { version: 1, mountPoint: '/proc/nowhere', ownPath: '/' }]]),
      parent: 'hearth',
      instance: '1',
      fleet: { memoryBytes: 1, maxPids: 1 },
    });
    expect(tree.isEmpty).toBe(true);
    expect(tree.notes).toEqual([
      'no permission to make control groups for memory',
      'the host has no pids control groups',
      'the host has no cpu control groups',
    ]);
  });

  it('lets go on what is frozen by the old freezer, so that it can die', () => {
    const tree = CgroupTree.open({
      mounts: new Map([['freezer', { version: 1, mountPoint: directory, ownPath: '/' }]]),
      parent: 'p',
      instance: '1',
      fleet: { memoryBytes: 1, maxPids: 1 },
    });
    const state = join(directory, 'p', '1', '7', 'freezer.state');
    mkdirSync(join(state, '..'));
    writeFileSync(state, 'FROZEN');
    tree.thaw();
    expect(readFileSync(state, 'utf8')).toBe('THAWED');
  });
});

describe('claimInstance', () => {
  const directoryOf = (number: number) => `/run/x/${number}`;

  it('gives each claimant another number, and a released one again', () => {
    const [a, b] = [claimInstance(directory, directoryOf), claimInstance(directory, directoryOf)];
    expect([a.number, b.number]).toEqual([1, 2]);
    a.release();
    a.release();
    expect(claimInstance(directory, directoryOf).number).toBe(1);
    expect(deadClaims(directory)).toEqual([]);
    expect(readdirSync(directory)).toEqual(['1.json', '2.json']);
  });

  it('finds claims of dead owners, also when their pid is in use again', () => {
    const record = { pid: process.pid, startTime: '1', token: 't', directory: '/x/9' };
    writeFileSync(join(directory, '9.json'), JSON.stringify(record));
    writeFileSync(join(directory, '8.json'), 'half a cl');
    writeFileSync(join(directory, 'notes.txt'), 'not ours');
    expect(deadClaims(directory)).toEqual([{ number: 9, record, file: join(directory, '9.json') }]);
  });

  const deadRecord = { pid: process.pid, startTime: '1', token: 't', directory: '/x/1' };
  const dead = { number: 1, record: deadRecord };

  it('lets one sweep, keeps the number meanwhile, and gives it back when that fails', () => {
    const file = join(directory, '1.json');
    writeFileSync(file, JSON.stringify(deadRecord));
    const taken = takeDeadClaim(directory, { ...dead, file });
    expect(taken).toBeDefined();
    expect(takeDeadClaim(directory, { ...dead, file })).toBeUndefined();
    expect(deadClaims(directory)).toEqual([]);
    expect(claimInstance(directory, directoryOf).number).toBe(2);
    taken?.giveUp();
    expect(deadClaims(directory)).toEqual([{ ...dead, file }]);
    takeDeadClaim(directory, { ...dead, file })?.release();
    expect(claimInstance(directory, directoryOf).number).toBe(1);
  });

  it('does not take the claim of a living owner who was faster than the sweep', () => {
    const file = join(directory, '1.json');
    const living = claimInstance(directory, directoryOf);
    const before = readFileSync(file, 'utf8');
    expect(takeDeadClaim(directory, { ...dead, file })).toBeUndefined();
    expect(readFileSync(file, 'utf8')).toBe(before);
    living.release();
    expect(readdirSync(directory)).toEqual([]);
  });

  it('goes on where a sweeper died', () => {
    const file = join(directory, `1.swept-by-${process.pid}-1.json`);
    writeFileSync(file, JSON.stringify(deadRecord));
    expect(claimInstance(directory, directoryOf).number).toBe(2);
    expect(deadClaims(directory)).toEqual([{ ...dead, file }]);
    takeDeadClaim(directory, { ...dead, file })?.release();
    expect(readdirSync(directory)).toEqual(['2.json']);
  });
});

describe('openRunDirectory', () => {
  it('falls back, always to the same place, when others cannot pass', () => {
    const wanted = join(directory, 'closed/run');
    const bases = [join(directory, 'base')];
    chmodSync(directory, 0o711);
    mkdirSync(join(directory, 'closed'), { mode: 0o700 });
    const place = openRunDirectory(wanted, true, bases);
    expect(place.startsWith(join(directory, 'base'))).toBe(true);
    expect(openRunDirectory(wanted, true, bases)).toBe(place);
    expect(isPassable(place)).toBe(true);
    expect(openRunDirectory(wanted, false, bases)).toBe(wanted);
  });

  it('uses the wanted place when it can be reached, and says what to do when nothing can', () => {
    chmodSync(directory, 0o711);
    expect(openRunDirectory(join(directory, 'run'), true, [])).toBe(join(directory, 'run'));
    chmodSync(directory, 0o700);
    expect(() => openRunDirectory(join(directory, 'run2'), true, [])).toThrow('chmod o+x');
  });
});

describe('linking code', () => {
  it.each(['sync', 'async'] as const)(
    'makes readable copies of private files and links the others (%s)',
    async (way) => {
      const [from, to] = [join(directory, 'from'), join(directory, 'to')];
      mkdirSync(join(from, 'deep'), { recursive: true });
      mkdirSync(to);
      writeFileSync(join(from, 'open'), 'o', { mode: 0o644 });
      writeFileSync(join(from, 'deep/private'), 'p', { mode: 0o700 });
      symlinkSync('open', join(from, 'alias'));
      if (way === 'sync') linkTreeSync(from, to);
      else await linkTree(from, to, undefined);
      expect(statSync(join(to, 'open')).ino).toBe(statSync(join(from, 'open')).ino);
      expect(statSync(join(to, 'deep/private')).mode & 0o777).toBe(0o555);
      expect(statSync(join(from, 'deep/private')).mode & 0o777).toBe(0o700);
      expect(statSync(join(to, 'deep')).mode & 0o777).toBe(0o755);
      expect(readFileSync(join(to, 'alias'), 'utf8')).toBe('o');
      // A second name for the same file somewhere else is no problem either.
      linkSync(join(from, 'open'), join(from, 'again'));
    },
  );

  it('hands out slots round robin and says when there is none', async () => {
    const slots = new SlotTable({ directory, count: 2 });
    const first = slots.take();
    expect([first.number, slots.take().number]).toEqual([1, 2]);
    expect(() => slots.take()).toThrow('2 sandboxes are running');
    await first.free();
    expect(existsSync(first.directory)).toBe(false);
    expect(slots.take().number).toBe(1);
  });
});

describe('what bwrap is told', () => {
  const limits = { memoryMb: 128, cpus: 1, maxPids: 64, tmpMb: 8, egress: 'none' } as const;

  it('keeps host paths and variables off the command line, and cannot be split by either', () => {
    const text = bwrapArguments({
      rootDirectory: '/host/root',
      binds: [{ hostPath: '/host/lib', guestPath: '/usr/lib/x' }],
      slotDirectory: '/host/slot',
      limits,
      env: { A: '--bind / /', HEARTH_CHANNEL: 'tcp:evil:1' },
      masks: ['keys'],
    }).toString();
    const args = text.split('\0');
    expect(args[args.indexOf('A') + 1]).toBe('--bind / /');
    expect(args).not.toContain('--dev-bind');
    expect(args[args.indexOf('HEARTH_CHANNEL') + 1]).toBe('fd:3');
    const command = bwrapCommand(['/usr/bin/node'], limits);
    expect(command.join(' ')).not.toContain('/host');
    expect(command).toEqual(expect.arrayContaining(['--nproc=66', '--core=0', '--fsize=25165824']));
  });

  it('gives a device that is asked for, before /dev becomes read-only', () => {
    const input = { rootDirectory: '/r', binds: [], slotDirectory: '/s', limits, env: {}, masks: [] };
    const args = bwrapArguments({ ...input, devices: ['/dev/kvm'] })
      .toString()
      .split('\0');
    const at = args.indexOf('--dev-bind');
    expect(args.slice(at, at + 3)).toEqual(['--dev-bind', '/dev/kvm', '/dev/kvm']);
    expect(at).toBeGreaterThan(args.indexOf('--dev'));
    expect(at).toBeLessThan(args.indexOf('--remount-ro'));
  });

  it('closes stray descriptors only when there are any', () => {
    expect(closingLauncher('/usr/bin/bwrap', ['a'], [])).toEqual({ file: '/usr/bin/bwrap', args: ['a'] });
    const { file, args } = closingLauncher('/usr/bin/bwrap', ['a b'], [9, 251]);
    expect(file).toBe('/bin/bash');
    expect(args.slice(3)).toEqual(['exec 9>&- 251>&-; exec "$@"', 'launch', '/usr/bin/bwrap', 'a b']);
  });

  it('reads what ldd says', () => {
    const output = `\tlinux-vdso.so.1 (0x1)\n\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x7f)\n\t/lib64/ld-linux-x86-64.so.2 (0x8a)\n\tlibx.so => not found\n/a/b.so:\n\tstatically linked\n`;
    expect(parseLdd(output)).toEqual(['/lib/x86_64-linux-gnu/libc.so.6', '/lib64/ld-linux-x86-64.so.2']);
  });
});
