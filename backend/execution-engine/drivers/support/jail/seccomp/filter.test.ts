import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { allowedSyscalls, conditionalSyscalls } from '../../syscalls.ts';
import { assembleBpf } from './bpf.ts';
import type { FilterArch } from './filter.ts';
import { buildSeccompFilter, seccompAllow, seccompErrno, seccompKillProcess, toRanges } from './filter.ts';

interface Call {
  readonly arch?: number;
  readonly number: number;
  readonly args?: readonly bigint[];
}

const native = { x64: 0xc000003e, arm64: 0xc00000b7 } as const;
const EPERM = seccompErrno(1);
const ENOSYS = seccompErrno(38);
const EAFNOSUPPORT = seccompErrno(97);

/** A classic BPF machine, written from the description in bpf(4): what the kernel does with our bytes. */
function run(program: Buffer, data: Buffer): number {
  let accumulator = 0;
  for (let at = 0; ; ) {
    if (at * 8 + 8 > program.length) throw new Error('ran off the end');
    const code = program.readUInt16LE(at * 8);
    const k = program.readUInt32LE(at * 8 + 4);
    const branch = (taken: boolean) => at + 1 + program.readUInt8(at * 8 + (taken ? 2 : 3));
    if (code === 0x20) {
      accumulator = data.readUInt32LE(k);
      at++;
    } else if (code === 0x06) return k;
    else if (code === 0x15) at = branch(accumulator === k);
    else if (code === 0x25) at = branch(accumulator > k);
    else if (code === 0x35) at = branch(accumulator >= k);
    else if (code === 0x45) at = branch((accumulator & k) !== 0);
    else throw new Error(`unknown code ${code}`);
  }
}

function decide(arch: FilterArch, call: Call): number {
  const data = Buffer.alloc(64);
  data.writeUInt32LE(call.number >>> 0, 0);
  data.writeUInt32LE(call.arch ?? native[arch], 4);
  for (const [index, arg] of (call.args ?? []).entries())
    data.writeBigUInt64LE(BigInt.asUintN(64, arg), 16 + index * 8);
  return run(programs[arch], data);
}

const programs = { x64: buildSeccompFilter('x64'), arm64: buildSeccompFilter('arm64') };
const arches: readonly FilterArch[] = ['x64', 'arm64'];

describe.each(arches)('the system call filter on %s', (arch) => {
  const column = arch === 'x64' ? 0 : 1;
  const allowed = new Set(Object.values(allowedSyscalls).map((pair) => pair[column]));
  const conditional = new Set<number>(Object.values(conditionalSyscalls).map((pair) => pair[column]));
  const special = (name: keyof typeof conditionalSyscalls) => conditionalSyscalls[name][column];

  it('allows exactly the list, for every number', () => {
    for (let number = 0; number < 2048; number++) {
      if (conditional.has(number)) continue;
      expect(decide(arch, { number }), `call ${number}`).toBe(allowed.has(number) ? seccompAllow : ENOSYS);
    }
  });

  it('gives no verdict but the known ones, whatever the registers hold', () => {
    const verdicts = new Set([seccompAllow, seccompKillProcess, EPERM, ENOSYS, EAFNOSUPPORT]);
    const call = fc.record({
      number: fc.oneof(fc.nat(600), fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })),
      arch: fc.oneof(fc.constant(native[arch]), fc.nat(0xffffffff)),
      args: fc.array(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), { minLength: 6, maxLength: 6 }),
    });
    fc.assert(
      fc.property(call, (sample) => {
        const verdict = decide(arch, sample);
        expect(verdicts.has(verdict)).toBe(true);
        if (sample.arch !== native[arch]) expect(verdict).toBe(seccompKillProcess);
        if (verdict === seccompAllow) expect(allowed.has(sample.number) || conditional.has(sample.number)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it('kills foreign ABIs', () => {
    expect(decide(arch, { number: 1, arch: 0x40000003 })).toBe(seccompKillProcess);
    expect(decide(arch, { number: 0, arch: native[arch === 'x64' ? 'arm64' : 'x64'] })).toBe(seccompKillProcess);
    expect(decide(arch, { number: 0x40000000 | 1 })).toBe(arch === 'x64' ? seccompKillProcess : ENOSYS);
  });

  it('lets threads and forks through, and no new namespace', () => {
    const number = special('clone');
    for (const flags of [0x3d0f00n, 0x01200011n, 17n])
      expect(decide(arch, { number, args: [flags] })).toBe(seccompAllow);
    for (const flag of [0x20000n, 0x2000000n, 0x4000000n, 0x8000000n, 0x10000000n, 0x20000000n, 0x40000000n, 0x80n]) {
      expect(decide(arch, { number, args: [flag | 17n] }), flag.toString(16)).toBe(EPERM);
    }
    expect(decide(arch, { number: special('clone3'), args: [0n] })).toBe(ENOSYS);
  });

  it('lets out only Unix, IPv4, IPv6 and NETLINK_ROUTE sockets', () => {
    for (let family = 0; family < 64; family++) {
      for (const protocol of [0, 4, 16]) {
        const ok = [1, 2, 10].includes(family) || (family === 16 && protocol === 0);
        const args = [BigInt(family), 3n, BigInt(protocol)];
        expect(decide(arch, { number: special('socket'), args })).toBe(ok ? seccompAllow : EAFNOSUPPORT);
      }
      const pair = decide(arch, { number: special('socketpair'), args: [BigInt(family)] });
      expect(pair).toBe(family === 1 ? seccompAllow : EAFNOSUPPORT);
    }
  });

  it('stops typing into terminals, also with garbage in the upper half of the register', () => {
    const number = special('ioctl');
    for (const command of [0x5412n, 0x541cn, 0x5423n, 0xffffffff00005412n]) {
      expect(decide(arch, { number, args: [0n, command] })).toBe(EPERM);
    }
    for (const command of [0x5401n, 0x5421n, 0x541bn])
      expect(decide(arch, { number, args: [0n, command] })).toBe(seccompAllow);
  });

  it('allows no personality but the default', () => {
    const number = special('personality');
    expect(decide(arch, { number, args: [0n] })).toBe(seccompAllow);
    expect(decide(arch, { number, args: [0xffffffffn] })).toBe(seccompAllow);
    expect(decide(arch, { number, args: [0x40000n] })).toBe(EPERM);
    expect(decide(arch, { number, args: [8n] })).toBe(EPERM);
  });
});

describe('the tables', () => {
  it('leave out what widens the kernel surface', () => {
    // Numbers of calls that are never to be on the list, x64 and arm64.
    const denied: Record<string, readonly [number, number]> = {
      ptrace: [101, 117],
      mount: [165, 40],
      umount2: [166, 39],
      pivot_root: [155, 41],
      chroot: [161, 51],
      unshare: [272, 97],
      setns: [308, 268],
      bpf: [321, 280],
      perf_event_open: [298, 241],
      io_uring_setup: [425, 425],
      io_uring_enter: [426, 426],
      userfaultfd: [323, 282],
      keyctl: [250, 219],
      add_key: [248, 217],
      process_vm_readv: [310, 270],
      process_vm_writev: [311, 271],
      pidfd_getfd: [438, 438],
      memfd_secret: [447, 447],
      open_by_handle_at: [304, 265],
      name_to_handle_at: [303, 264],
      kexec_load: [246, 104],
      init_module: [175, 105],
      finit_module: [313, 273],
      reboot: [169, 142],
      swapon: [167, 224],
      settimeofday: [164, 170],
      mknodat: [259, 33],
      fanotify_init: [300, 262],
      quotactl: [179, 60],
      acct: [163, 89],
      syslog: [103, 116],
      kcmp: [312, 272],
      seccomp: [317, 277],
      fsopen: [430, 430],
      move_mount: [429, 429],
      open_tree: [428, 428],
      mount_setattr: [442, 442],
      process_madvise: [440, 440],
      vmsplice: [278, 75],
    };
    for (const [name, numbers] of Object.entries(denied)) {
      arches.forEach((arch, column) => {
        expect(decide(arch, { number: numbers[column] ?? 0 }), `${name} on ${arch}`).toBe(ENOSYS);
      });
    }
  });

  it('name no number twice', () => {
    for (const column of [0, 1] as const) {
      const all = [...Object.values(allowedSyscalls), ...Object.values(conditionalSyscalls)];
      const numbers = all.map((pair) => pair[column]).filter((number) => number >= 0);
      expect(new Set(numbers).size).toBe(numbers.length);
    }
  });
});

describe('assembleBpf', () => {
  it('refuses labels that are missing, double, behind or too far', () => {
    const ret = { op: 'return', value: 0 } as const;
    const jump = { op: 'jump', test: 'equal', value: 1, whenTrue: 'there' } as const;
    const there = { op: 'label', name: 'there' } as const;
    expect(() => assembleBpf([jump, ret])).toThrow('nowhere');
    expect(() => assembleBpf([there, there, ret])).toThrow('twice');
    expect(() => assembleBpf([there, ret, jump, ret])).toThrow('away');
    expect(() => assembleBpf([jump, ...new Array(300).fill(ret), there, ret])).toThrow('away');
    expect(() => assembleBpf(new Array(4097).fill(ret))).toThrow('at most 4096');
  });

  it('makes ranges that hold exactly the numbers', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(200)), (numbers) => {
        const held = toRanges(numbers).flatMap(([low, high]) =>
          Array.from({ length: high - low + 1 }, (_, i) => low + i),
        );
        expect(held).toEqual([...new Set(numbers)].sort((a, b) => a - b));
      }),
    );
  });
});
