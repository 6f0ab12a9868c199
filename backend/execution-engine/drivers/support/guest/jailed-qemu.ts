import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { promisify } from 'node:util';
import { PlatformError } from '../../../../../shared/errors.ts';
import { bwrapArguments, bwrapCommand, descriptors as jailDescriptors } from '../jail/bwrap-arguments.ts';
import { findProgram, type HostEnvironment } from '../jail/host-environment.ts';
import type { StagedRoot } from '../jail/root-stage.ts';
import type { Slot } from '../jail/slots.ts';
import { closingLauncher } from '../jail/stray-descriptors.ts';

/** How the guest's instructions are run: by the processor, or emulated (TCG). */
export type Accelerator = 'kvm' | 'tcg';

/** Where the jail has the program. */
export const jailedQemu = '/usr/bin/qemu-system-x86_64';
/** Firmware and loadable parts of QEMU, where distributions have them. */
const qemuDirectories = ['/usr/share/qemu', '/usr/share/seabios', '/usr/lib/x86_64-linux-gnu/qemu'];
/** Only what bwrap itself needs; its environment can be read inside. */
const bareEnvironment = { PATH: '/usr/bin:/bin' };
/** glibc asks for large pages for its heap (mallopt(3)): a quarter fewer page faults until QEMU takes commands, and 5 of its 32 ms of CPU time. */
const jailEnvironment = { GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1' };
/** QEMU writes no files. */
const jailTmpMb = 1;
const versionTimeoutMs = 10_000;

/** `wanted`, or the first in the usual places. */
export function findQemu(wanted: string | undefined): string | undefined {
  return wanted || findProgram('qemu-system-x86_64');
}

/** For example `7.2.22`. */
export async function versionOfQemu(qemu: string): Promise<string> {
  const { stdout } = await promisify(execFile)(qemu, ['--version'], { timeout: versionTimeoutMs, env: {} });
  return /version (\d+(?:\.\d+)*)/.exec(stdout)?.[1] ?? 'unknown';
}

/** A root with QEMU, its libraries, its firmware, and nothing else of the host. */
export async function qemuRoot(host: HostEnvironment, qemu: string | undefined): Promise<StagedRoot> {
  if (qemu === undefined) {
    const message = 'QEMU is not installed; install it (apt-get install qemu-system-x86)';
    throw new PlatformError('unavailable', 'program_missing', message);
  }
  return await host.roots.rootFor({
    agent: { hostPath: qemu, guestPath: jailedQemu },
    toolchain: qemuDirectories.filter((path) => existsSync(path)).map((path) => ({ hostPath: path, guestPath: path })),
  });
}

/** What the jail's bwrap reads from its descriptor for arguments, once the process is in its control group. */
export function qemuJailArguments(parts: {
  readonly host: HostEnvironment;
  readonly root: StagedRoot;
  readonly slot: Slot;
  /** /dev/kvm where it is used. */
  readonly devices: readonly string[];
}): Buffer {
  const { host, root, slot, devices } = parts;
  return bwrapArguments({
    rootDirectory: root.directory,
    binds: root.binds,
    slotDirectory: slot.directory,
    limits: { memoryMb: 0, cpus: 0, maxPids: 0, tmpMb: jailTmpMb, egress: 'none' },
    env: jailEnvironment,
    masks: host.masks,
    devices,
  });
}

export interface JailedQemuOptions {
  readonly host: HostEnvironment;
  readonly slot: Slot;
  readonly argv: readonly string[];
  readonly maxPids: number;
  /** Of one file that QEMU writes, in MiB; 0 where it writes none. */
  readonly maxFileMb?: number;
  /** Group of the process where the slot has a user id of its own; the slot's when left out. */
  readonly group?: number;
  /** So many pipes from descriptor 7 on … */
  readonly pipes: number;
  /** … and behind them these files, read-only or with `isWritable` for reading and writing. */
  readonly files: readonly { readonly path: string; readonly isWritable?: boolean }[];
  /** Started as root in place of the launcher, which it becomes (`tapProgram`); the launcher then gives up root. */
  readonly before?: string;
}

/** Starts bwrap, which waits for its arguments before it makes the jail and starts QEMU in it. The caller owns the child's pipes. */
export function spawnJailedQemu(options: JailedQemuOptions): ChildProcess {
  const { host, slot, pipes } = options;
  const files: number[] = [];
  try {
    for (const { path, isWritable } of options.files) files.push(openSync(path, isWritable ? 'r+' : 'r'));
    const tmpMb = Math.max(jailTmpMb, options.maxFileMb ?? 0);
    const limits = { memoryMb: 0, cpus: 0, maxPids: options.maxPids, tmpMb, egress: 'none' } as const;
    const last = jailDescriptors.arguments + pipes + files.length;
    const stray = host.strayDescriptors.filter((descriptor) => descriptor > last);
    const uid = host.uidOf(slot.number);
    // Node drops the supplementary groups too. Never as real root: /proc/sys of the host would be writable.
    const user = uid === undefined ? {} : { uid, gid: options.group ?? uid };
    const command = [host.bwrap, ...bwrapCommand(options.argv, limits)];
    const [program = host.bwrap, ...words] =
      options.before === undefined ? command : [options.before, ...asUser(user), ...command];
    const { file, args } = closingLauncher(program, words, stray);
    const filter = openSync(host.filterFile, 'r');
    files.push(filter);
    return spawn(file, args, {
      cwd: '/',
      env: bareEnvironment,
      stdio: [
        ...(['ignore', 'ignore', 'pipe', 'pipe'] as const),
        filter,
        ...Array.from({ length: pipes + 2 }, () => 'pipe' as const),
        ...files.slice(0, -1),
      ],
      ...(options.before === undefined ? user : {}),
    });
  } finally {
    for (const descriptor of files) closeSync(descriptor);
  }
}

/** What `spawn` does with a user, as a command: setpriv(1). */
function asUser({ uid, gid }: { readonly uid?: number; readonly gid?: number }): readonly string[] {
  const setpriv = findProgram('setpriv');
  if (uid === undefined || gid === undefined || setpriv === undefined) {
    const message = 'a network card for a guest needs root, and setpriv; install it (apt-get install util-linux)';
    throw new PlatformError('unavailable', 'egress_unavailable', message);
  }
  return [setpriv, `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', '--'];
}
