import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  allowedPersonalities,
  allowedSyscalls,
  type conditionalSyscalls,
  forbiddenIoctls,
  newNamespaceFlags,
  socketFamilies,
} from '../support/syscalls.ts';
import { type EngineWalls, maskedPaths } from './container-spec.ts';
import type { EngineInfo } from './engine/engine-types.ts';

/** The part of Docker's seccomp profile format that is used: https://docs.docker.com/engine/security/seccomp/ and libseccomp's operators. */
interface ProfileArgument {
  readonly index: number;
  readonly value: number;
  readonly valueTwo?: number;
  readonly op: 'SCMP_CMP_EQ' | 'SCMP_CMP_MASKED_EQ';
}
interface ProfileRule {
  readonly names: readonly string[];
  readonly action: 'SCMP_ACT_ALLOW' | 'SCMP_ACT_ERRNO';
  readonly errnoRet?: number;
  readonly args?: readonly ProfileArgument[];
}
export interface SeccompProfile {
  readonly defaultAction: 'SCMP_ACT_ERRNO';
  readonly defaultErrnoRet: number;
  readonly architectures: readonly string[];
  readonly syscalls: readonly ProfileRule[];
}

const ENOSYS = 38;
/** Calls of any other architecture kill: libseccomp's answer to one that a filter does not name. */
const architectures: Readonly<Record<string, string>> = {
  x86_64: 'SCMP_ARCH_X86_64',
  aarch64: 'SCMP_ARCH_AARCH64',
  // As Podman names them.
  amd64: 'SCMP_ARCH_X86_64',
  arm64: 'SCMP_ARCH_AARCH64',
};
const wordBits = 32;

/**
 * The system calls that every driver allows, as a profile for Docker. Differences to the filter of the process driver: a call that is
 * not on the list fails with EPERM where the daemon is too old for `defaultErrnoRet`, and so do forbidden arguments.
 */
export function buildSeccompProfile(architecture: string): SeccompProfile {
  const name = architectures[architecture];
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: ENOSYS,
    architectures: name === undefined ? [] : [name],
    syscalls: [{ names: Object.keys(allowedSyscalls), action: 'SCMP_ACT_ALLOW' }, ...conditionalRules()],
  };
}

/** One entry per conditional call, so that adding one to the list without a rule does not compile. */
function conditionalRules(): readonly ProfileRule[] {
  const equal = (index: number, value: number): ProfileArgument => ({ index, value, op: 'SCMP_CMP_EQ' });
  const allow = (call: string, ...args: readonly ProfileArgument[]): ProfileRule => ({
    names: [call],
    action: 'SCMP_ACT_ALLOW',
    args,
  });
  const { unix, inet, inet6, netlink } = socketFamilies;
  const rules: Readonly<Record<keyof typeof conditionalSyscalls, readonly ProfileRule[]>> = {
    clone: [allow('clone', { index: 0, value: newNamespaceFlags, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' })],
    // Its flags are behind a pointer; libc falls back to clone when it is told that there is no such call.
    clone3: [{ names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: ENOSYS }],
    socket: [
      ...[unix, inet, inet6].map((family) => allow('socket', equal(0, family))),
      allow('socket', equal(0, netlink), equal(2, 0)),
    ],
    socketpair: [allow('socketpair', equal(0, unix))],
    ioctl: complementOf(forbiddenIoctls).map(({ mask, value }) =>
      // The kernel looks at the low 32 bits alone, so these rules must too: a comparison of all 64 could be deceived.
      allow('ioctl', { index: 1, value: mask, valueTwo: value, op: 'SCMP_CMP_MASKED_EQ' }),
    ),
    personality: allowedPersonalities.map((value) => allow('personality', equal(0, value))),
  };
  return Object.values(rules).flat();
}

/** All 32-bit words but these, as the fewest bit prefixes: `word & mask === value`. A profile has no "none of". */
export function complementOf(words: readonly number[]): readonly { readonly mask: number; readonly value: number }[] {
  const prefixes: { mask: number; value: number }[] = [];
  const visit = (prefix: number, length: number, inside: readonly number[]): void => {
    if (inside.length === 0) {
      const mask = length === 0 ? 0 : (0xffffffff << (wordBits - length)) >>> 0;
      prefixes.push({ mask, value: prefix });
      return;
    }
    if (length === wordBits) return;
    const bit = 2 ** (wordBits - 1 - length);
    const isOne = (word: number): boolean => Math.floor(word / bit) % 2 === 1;
    visit(
      prefix,
      length + 1,
      inside.filter((word) => !isOne(word)),
    );
    visit(prefix + bit, length + 1, inside.filter(isOne));
  };
  visit(0, 0, words);
  return prefixes;
}

/**
 * How the walls of every container are asked for at this daemon. Docker's API takes the list of system calls itself, Podman's the path of a file with
 * it; `directory` is the driver's own. Podman's does not read `MaskedPaths`, but takes them as an option; and it mounts a writable
 * /run and /var/tmp into every container whose root is read-only, unless something else is mounted there. Its events leave out-of-memory kills out.
 */
export function wallsOf(info: Pick<EngineInfo, 'Architecture' | 'BuildahVersion'>, directory: string): EngineWalls {
  const profile = JSON.stringify(buildSeccompProfile(info.Architecture));
  if (info.BuildahVersion === undefined)
    return { securityOptions: ['no-new-privileges', `seccomp=${profile}`], closedFolders: [], tellsOutOfMemory: true };
  const path = join(directory, 'seccomp.json');
  writeFileSync(path, profile, { mode: 0o600 });
  return {
    securityOptions: ['no-new-privileges', `seccomp=${path}`, `mask=${maskedPaths.join(':')}`],
    closedFolders: ['/run', '/var/tmp'],
    tellsOutOfMemory: false,
  };
}
