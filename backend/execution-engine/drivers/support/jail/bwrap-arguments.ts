import { codeDirectory, type SandboxLimits } from '../../../../core/ports/isolation-driver.ts';
import type { PlanMount } from '../../../../core/ports/runtime-adapter.ts';
import { commandVariable, guestCommandProgram, type ResourceLimits } from './command-program.ts';
import { guestUserId } from './root-stage.ts';

/** Descriptors that bwrap inherits; the channel is the only one that the code inside inherits as well. */
export const descriptors = { channel: 3, filter: 4, status: 5, arguments: 6 } as const;

/** Where the staged root has the program that sets resource limits. */
export const guestPrlimit = '/usr/bin/prlimit';

const MiB = 1024 * 1024;
const sharedMemoryBytes = 16 * MiB;
const maxOpenFiles = 1024;
const maxLockedBytes = 64 * 1024;
/** Files may grow a little beyond /tmp, so that a full /tmp says ENOSPC and does not kill by SIGXFSZ. */
const fileSizeSlackBytes = 16 * MiB;
/** bwrap itself and the reaper that it leaves as process 1. */
export const launcherProcesses = 2;

/** Files of /proc that tell about the host: empty inside. What a kernel does not have cannot be masked; see `maskable`. */
export const maskCandidates = [
  'kallsyms',
  'cmdline',
  'keys',
  'key-users',
  'config.gz',
  'sched_debug',
  'timer_list',
  'kcore',
];

export interface BwrapInput {
  readonly rootDirectory: string;
  readonly binds: readonly PlanMount[];
  readonly slotDirectory: string;
  readonly limits: SandboxLimits;
  readonly env: Readonly<Record<string, string>>;
  /** Those of `maskCandidates` that this kernel has. */
  readonly masks: readonly string[];
  /** Devices of the host, for example /dev/kvm, beside the harmless ones; the sandbox's user needs the right to them. */
  readonly devices?: readonly string[];
  /** For a launcher that was begun with `anyCommand`. */
  readonly command?: SandboxCommand;
}

/** What runs inside, and of how much data each of its processes, where no control group limits the memory of all. */
export interface SandboxCommand {
  readonly argv: readonly string[];
  readonly dataBytes: number | undefined;
}

/**
 * What goes through `--args`: everything that tells about the host, since the command line itself can be read inside as /proc/1/cmdline. The
 * order matters: later mounts go on top of earlier ones.
 */
export function bwrapArguments(input: BwrapInput): Buffer {
  const args = [
    ...['--unshare-user', '--unshare-all', '--disable-userns', '--assert-userns-disabled'],
    ...['--die-with-parent', '--new-session', '--cap-drop', 'ALL', '--hostname', 'sandbox'],
    ...['--uid', String(guestUserId), '--gid', String(guestUserId)],
    ...['--ro-bind', input.rootDirectory, '/'],
    ...input.binds.flatMap((bind) => ['--ro-bind', bind.hostPath, bind.guestPath]),
    // /proc/sys read-only is the second wall behind the unprivileged user id.
    ...['--proc', '/proc', '--ro-bind', '/proc/sys', '/proc/sys'],
    ...input.masks.flatMap((name) => ['--ro-bind', '/dev/null', `/proc/${name}`]),
    ...['--dev', '/dev', '--size', String(sharedMemoryBytes), '--tmpfs', '/dev/shm'],
    ...(input.devices ?? []).flatMap((device) => ['--dev-bind', device, device]),
    ...['--remount-ro', '/dev'],
    ...['--size', String(input.limits.tmpMb * MiB), '--tmpfs', '/tmp'],
    ...['--ro-bind', input.slotDirectory, codeDirectory, '--chdir', codeDirectory],
    '--clearenv',
  ];
  const env = {
    PATH: '/usr/local/bin:/usr/bin:/bin',
    HOME: '/tmp',
    TMPDIR: '/tmp',
    LANG: 'C.UTF-8',
    ...input.env,
    HEARTH_CHANNEL: `fd:${descriptors.channel}`,
  };
  for (const [name, value] of Object.entries(env)) args.push('--setenv', name, value);
  if (input.command !== undefined) {
    const { argv, dataBytes } = input.command;
    args.push('--setenv', ...commandVariable(argv, resourceLimits(input.limits, dataBytes)));
  }
  args.push('--seccomp', String(descriptors.filter), '--json-status-fd', String(descriptors.status));
  return Buffer.from(`${args.join('\0')}\0`);
}

/** Set inside, because a process limit that is set there counts one sandbox alone, whatever the user id outside. */
function resourceLimits(limits: SandboxLimits, dataBytes: number | undefined): ResourceLimits {
  return {
    nproc: limits.maxPids + launcherProcesses,
    nofile: maxOpenFiles,
    core: 0,
    memlock: maxLockedBytes,
    fsize: limits.tmpMb * MiB + fileSizeSlackBytes,
    data: dataBytes,
  };
}

const fromDescriptor = ['--args', String(descriptors.arguments), '--'];

/** The command line of a launcher that is told with its arguments what it begins, and with which limits (`BwrapInput.command`). */
export const anyCommand: readonly string[] = [...fromDescriptor, guestCommandProgram];

/** The command line of a launcher for one command: only paths inside the sandbox, since it can be read there. */
export function bwrapCommand(argv: readonly string[], limits: SandboxLimits): readonly string[] {
  const options = Object.entries(resourceLimits(limits, undefined)).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}=${value}`],
  );
  return [...fromDescriptor, guestPrlimit, ...options, '--', ...argv];
}
