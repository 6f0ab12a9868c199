import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { measure } from './directory-size.ts';
import { buildFailed, buildUnavailable } from './refusals.ts';

/** Owner of everything that a build writes when the platform itself is root. Nobody else on a host has it. */
export const buildUserId = 199_999;
/** Where bwrap says what it has made, and waits until it may go on. */
const descriptors = { info: 3, block: 4 } as const;
const diskCheckMs = 1000;
const MiB = 1024 * 1024;

export interface SandboxMount {
  readonly hostPath: string;
  readonly guestPath: string;
  readonly isWritable?: boolean;
}

export interface SandboxCommand {
  readonly argv: readonly string[];
  readonly mounts: readonly SandboxMount[];
  readonly env: Readonly<Record<string, string>>;
  /** Host directory that is counted against `maxDiskBytes`. */
  readonly diskDirectory: string;
  readonly onLine: (line: string) => void;
  readonly signal: AbortSignal;
}

export interface BuildSandboxOptions {
  readonly bwrapPath: string;
  /** Address space for data of each process, enforced by the kernel (RLIMIT_DATA). */
  readonly memoryMb: number;
  readonly maxProcesses: number;
  readonly maxDiskBytes: number;
  readonly maxDiskFiles: number;
  /** For one command. */
  readonly maxMs: number;
}

/** Parts of the host that tools need to run, as links where the host has links. */
async function systemMounts(): Promise<string[]> {
  const args = ['--ro-bind', '/usr', '/usr'];
  for (const name of ['bin', 'sbin', 'lib', 'lib32', 'lib64']) {
    const info = await lstat(`/${name}`).catch(() => undefined);
    if (info?.isSymbolicLink()) args.push('--symlink', `usr/${name}`, `/${name}`);
    else if (info?.isDirectory()) args.push('--ro-bind', `/${name}`, `/${name}`);
  }
  return args;
}

/**
 * Runs one command of a build with bubblewrap: another user, no network but loopback, nothing of the host but /usr and what is mounted,
 * none of the platform's environment. Limits: time, memory, processes, file size, disk.
 */
export class BuildSandbox {
  readonly #options: BuildSandboxOptions;

  constructor(options: BuildSandboxOptions) {
    this.#options = options;
  }

  /** Resolves when the command ended with 0. Rejects with `build_failed` (it did not, or a limit), or `build_unavailable`. */
  async run(command: SandboxCommand): Promise<void> {
    const timeout = AbortSignal.timeout(this.#options.maxMs);
    const full = new AbortController();
    const ended = new AbortController();
    const watching = this.#watchDisk(command.diskDirectory, full, ended.signal);
    try {
      const args = await this.#arguments(command);
      const child = this.#spawn(args);
      const stop = AbortSignal.any([command.signal, timeout, full.signal]);
      const { code, lastLines } = await supervise(child, command.onLine, stop);
      command.signal.throwIfAborted();
      if (full.signal.aborted) throw full.signal.reason;
      if (timeout.aborted) {
        throw buildFailed(`the build took longer than ${this.#options.maxMs / 1000} s; use fewer dependencies`);
      }
      if (code === 0) return;
      const setUp = lastLines.find((line) => line.startsWith('bwrap: '));
      if (setUp !== undefined) {
        throw buildUnavailable(
          `the build sandbox cannot start (${setUp}); allow unprivileged user namespaces for bubblewrap, or upload node_modules / site-packages with the code`,
        );
      }
      throw buildFailed(`the build command ended with ${code}: ${lastLines.join('\n')}`);
    } finally {
      ended.abort();
      await watching;
    }
  }

  async #arguments(command: SandboxCommand): Promise<readonly string[]> {
    const { memoryMb, maxProcesses, maxDiskBytes, maxMs } = this.#options;
    const limits = [
      `--nproc=${maxProcesses}`,
      '--nofile=16384',
      '--core=0',
      `--fsize=${maxDiskBytes}`,
      `--data=${memoryMb * MiB}`,
      `--cpu=${Math.ceil(maxMs / 1000) * 4}`,
    ];
    return [
      ...['--info-fd', String(descriptors.info), '--block-fd', String(descriptors.block)],
      ...['--unshare-user', '--unshare-all', '--disable-userns', '--die-with-parent', '--new-session', '--clearenv'],
      ...['--uid', '1000', '--gid', '1000', '--cap-drop', 'ALL', '--hostname', 'build'],
      ...(await systemMounts()),
      ...['--proc', '/proc', '--ro-bind', '/proc/sys', '/proc/sys', '--dev', '/dev', '--remount-ro', '/dev'],
      ...['--size', String(256 * MiB), '--tmpfs', '/tmp', '--dir', '/etc'],
      ...command.mounts.flatMap((mount) => [
        mount.isWritable === true ? '--bind' : '--ro-bind',
        mount.hostPath,
        mount.guestPath,
      ]),
      ...Object.entries(command.env).flatMap(([name, value]) => ['--setenv', name, value]),
      ...['--chdir', '/build/app', '--remount-ro', '/', '--', '/usr/bin/prlimit', ...limits, '--', ...command.argv],
    ];
  }

  #spawn(args: readonly string[]): ChildProcess {
    const isRoot = process.getuid?.() === 0;
    const child = spawn(this.#options.bwrapPath, args, {
      cwd: '/',
      env: { PATH: '/usr/bin:/bin' },
      stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'],
      ...(isRoot ? { uid: buildUserId, gid: buildUserId } : {}),
    });
    dieFirst(child);
    return child;
  }

  /** There is no quota that works on every host, so the directory is measured while the build runs. */
  async #watchDisk(directory: string, full: AbortController, ended: AbortSignal): Promise<void> {
    const { maxDiskBytes, maxDiskFiles } = this.#options;
    while (!ended.aborted) {
      const used = await measure(directory, maxDiskBytes, maxDiskFiles);
      if (used.bytes > maxDiskBytes || used.files > maxDiskFiles) {
        full.abort(
          buildFailed(
            `the dependencies need more than ${Math.floor(maxDiskBytes / MiB)} MiB or ${maxDiskFiles} files; use fewer or smaller ones`,
          ),
        );
        return;
      }
      await setTimeout(diskCheckMs, undefined, { signal: ended, ref: false }).catch(() => undefined);
    }
  }
}

/**
 * The memory limit is one per process; when all together use up the machine, the kernel shall end the build and nothing else. bwrap says which process
 * it made and holds it until it is told to go on, so no command begins before. What a privileged platform sets here, those inside cannot lower again.
 */
function dieFirst(child: ChildProcess): void {
  const info = child.stdio[descriptors.info] as Readable;
  const block = child.stdio[descriptors.block] as Writable;
  let text = '';
  info.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  // At the end of a bwrap that made nothing there is nobody to go on.
  info.once('close', () => {
    const inner = /"child-pid": (\d+)/.exec(text)?.[1];
    for (const pid of [child.pid, inner]) {
      if (pid !== undefined) makeFirstVictim(Number(pid));
    }
    block.on('error', () => undefined).end('1');
  });
}

function makeFirstVictim(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, '1000');
  } catch {
    // It has ended already, which its exit tells.
  }
}

async function supervise(
  child: ChildProcess,
  onLine: (line: string) => void,
  stop: AbortSignal,
): Promise<{ readonly code: number; readonly lastLines: readonly string[] }> {
  const lastLines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue;
    createInterface({ input: stream }).on('line', (line) => {
      lastLines.push(line);
      if (lastLines.length > 12) lastLines.shift();
      onLine(line);
    });
  }
  const kill = (): void => {
    child.kill('SIGKILL');
  };
  stop.addEventListener('abort', kill, { once: true });
  if (stop.aborted) kill();
  try {
    const code = await new Promise<number>((resolve, reject) => {
      child.once('error', (error: NodeJS.ErrnoException) => {
        reject(
          // EACCES: the build's own user cannot even see the place where it should be.
          error.code === 'ENOENT' || error.code === 'EACCES'
            ? buildUnavailable(
                'bubblewrap is missing: apt-get install bubblewrap, or upload the dependencies with the code',
              )
            : error,
        );
      });
      child.once('close', (exitCode) => resolve(exitCode ?? 137));
    });
    return { code, lastLines };
  } finally {
    stop.removeEventListener('abort', kill);
  }
}
