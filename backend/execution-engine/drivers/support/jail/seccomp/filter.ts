import {
  allowedPersonalities,
  allowedSyscalls,
  conditionalSyscalls,
  socketFamilies as families,
  forbiddenIoctls,
  newNamespaceFlags,
} from '../../syscalls.ts';
import type { BpfLine } from './bpf.ts';
import { assembleBpf } from './bpf.ts';

export type FilterArch = 'x64' | 'arm64';

/** linux/seccomp.h */
export const seccompAllow = 0x7fff0000;
export const seccompKillProcess = 0x80000000;
/** SECCOMP_RET_ERRNO with the errno that the call then fails with. */
export function seccompErrno(errno: number): number {
  return 0x00050000 | errno;
}

/** asm-generic/errno-base.h and errno.h; the same on both architectures. */
const EPERM = 1;
const ENOSYS = 38;
const EAFNOSUPPORT = 97;

/** linux/audit.h AUDIT_ARCH_X86_64, AUDIT_ARCH_AARCH64. */
const auditArch: Record<FilterArch, number> = { x64: 0xc000003e, arm64: 0xc00000b7 };
/** Numbers from here on are the x32 calls of x86-64 (asm/unistd.h __X32_SYSCALL_BIT). */
const x32Bit = 0x40000000;

/** struct seccomp_data: int nr; u32 arch; u64 instruction_pointer; u64 args[6]. Little endian, so the low half comes first. */
const offsetNumber = 0;
const offsetArch = 4;
const offsetArgument = (index: number) => 16 + index * 8;

const ret = (value: number): BpfLine => ({ op: 'return', value });
const load = (offset: number): BpfLine => ({ op: 'load', offset });
const label = (name: string): BpfLine => ({ op: 'label', name });
const ifEqual = (value: number, whenTrue: string): BpfLine => ({ op: 'jump', test: 'equal', value, whenTrue });
const unlessEqual = (value: number, whenFalse: string): BpfLine => ({ op: 'jump', test: 'equal', value, whenFalse });

/**
 * The filter of every sandbox, as the kernel takes it: an allow-list. What is not on it fails with ENOSYS, as on an older kernel, so that
 * libraries fall back; calls of a foreign ABI (i386, x32) kill, because they only come from an attack.
 */
export function buildSeccompFilter(arch: FilterArch): Buffer {
  const column = arch === 'x64' ? 0 : 1;
  const lines: BpfLine[] = [load(offsetArch), ifEqual(auditArch[arch], 'native'), ret(seccompKillProcess)];
  lines.push(label('native'), load(offsetNumber));
  if (arch === 'x64') {
    lines.push({ op: 'jump', test: 'greater-or-equal', value: x32Bit, whenFalse: 'not-x32' });
    lines.push(ret(seccompKillProcess), label('not-x32'));
  }
  for (const [name, rule] of Object.entries(conditionalRules)) {
    const number = conditionalSyscalls[name as keyof typeof conditionalSyscalls][column];
    if (number < 0) continue;
    lines.push(unlessEqual(number, `after-${name}`), ...rule, label(`after-${name}`));
  }
  const numbers = Object.values(allowedSyscalls)
    .map((pair) => pair[column])
    .filter((number) => number >= 0);
  for (const [low, high] of toRanges(numbers)) {
    const next = `above-${low}`;
    lines.push({ op: 'jump', test: 'greater-or-equal', value: low, whenFalse: next });
    lines.push({ op: 'jump', test: 'greater', value: high, whenTrue: next }, ret(seccompAllow), label(next));
  }
  lines.push(ret(seccompErrno(ENOSYS)));
  return assembleBpf(lines);
}

/** Each rule must end in a return on every path: the accumulator no longer holds the call's number after it. */
const conditionalRules: Readonly<Record<keyof typeof conditionalSyscalls, readonly BpfLine[]>> = {
  clone: [
    load(offsetArgument(0)),
    { op: 'jump', test: 'any-bit', value: newNamespaceFlags, whenTrue: 'clone-denied' },
    ret(seccompAllow),
    label('clone-denied'),
    ret(seccompErrno(EPERM)),
  ],
  // Its flags are behind a pointer, which a filter cannot follow; libc falls back to clone.
  clone3: [ret(seccompErrno(ENOSYS))],
  // AF_VSOCK is not covered by a network namespace, and AF_ALG, AF_PACKET … have no use here.
  socket: [
    load(offsetArgument(0)),
    ifEqual(families.unix, 'socket-allowed'),
    ifEqual(families.inet, 'socket-allowed'),
    ifEqual(families.inet6, 'socket-allowed'),
    unlessEqual(families.netlink, 'socket-denied'),
    // NETLINK_ROUTE alone: listing the network interfaces needs it.
    load(offsetArgument(2)),
    ifEqual(0, 'socket-allowed'),
    label('socket-denied'),
    ret(seccompErrno(EAFNOSUPPORT)),
    label('socket-allowed'),
    ret(seccompAllow),
  ],
  socketpair: [
    load(offsetArgument(0)),
    ifEqual(families.unix, 'pair-allowed'),
    ret(seccompErrno(EAFNOSUPPORT)),
    label('pair-allowed'),
    ret(seccompAllow),
  ],
  ioctl: [
    load(offsetArgument(1)),
    ...forbiddenIoctls.map((command) => ifEqual(command, 'ioctl-denied')),
    ret(seccompAllow),
    label('ioctl-denied'),
    ret(seccompErrno(EPERM)),
  ],
  personality: [
    load(offsetArgument(0)),
    ...allowedPersonalities.map((value) => ifEqual(value, 'personality-allowed')),
    ret(seccompErrno(EPERM)),
    label('personality-allowed'),
    ret(seccompAllow),
  ],
};

/** Neighbouring numbers as inclusive ranges, ascending; halves the length of the program. */
export function toRanges(numbers: readonly number[]): readonly (readonly [low: number, high: number])[] {
  const sorted = [...new Set(numbers)].sort((a, b) => a - b);
  const ranges: [number, number][] = [];
  for (const number of sorted) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === number - 1) last[1] = number;
    else ranges.push([number, number]);
  }
  return ranges;
}
