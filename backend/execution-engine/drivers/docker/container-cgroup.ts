import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ResourceUsage } from '../../../core/ports/sandbox.ts';
import { type CgroupMounts, type CgroupRole, parseCgroupMounts } from '../support/cgroup-hierarchies.ts';
import { ioFromFiles } from './container-io.ts';
import { launcherProcesses } from './container-spec.ts';

/** What is read where, by version of the control groups (Documentation/admin-guide/cgroup-v1 and cgroup-v2.rst of Linux). */
interface UsageFiles {
  readonly cpu: string;
  readonly memory: string;
  readonly peak: string;
  readonly memoryStat: string;
  readonly inactiveFile: string;
  readonly pids: string;
  readonly oomKills: string;
  readonly memoryLimit: string;
  readonly pidsLimit: string;
  /** Undefined where the kernel does not count it. */
  readonly disk: string | undefined;
}

export interface ContainerLimits {
  readonly memoryBytes: number;
  readonly pids: number;
}

const oomFileBytes = 512;
const nsPerMs = 1e6;
const usPerMs = 1e3;

/**
 * The control groups of a container on this host. The daemon's own statistics come once per second, and asking waits for the next;
 * these files answer at once.
 */
export class ContainerCgroup {
  readonly #version: 1 | 2;
  readonly #files: UsageFiles;
  readonly #pid: number;
  /** Kept open: it is read often, and for as long as anything holds the container's group. */
  #oomDescriptor: number | undefined;

  private constructor(pid: number, version: 1 | 2, files: UsageFiles) {
    this.#pid = pid;
    this.#version = version;
    this.#files = files;
  }

  /** Undefined when they cannot be read: a daemon on another machine or in another process namespace, or no right to. */
  static find(pid: number, containerId: string): ContainerCgroup | undefined {
    if (pid <= 1) return undefined;
    try {
      const groups = readFileSync(`/proc/${pid}/cgroup`, 'utf8');
      // The number alone proves nothing: it may be another process here.
      if (!groups.includes(containerId)) return undefined;
      const mounts = parseCgroupMounts(readFileSync('/proc/self/mountinfo', 'utf8'), groups);
      const found = mounts.has('memory')
        ? new ContainerCgroup(pid, 1, versionOneFiles(mounts, groups))
        : new ContainerCgroup(pid, 2, versionTwoFiles(mounts));
      found.usage(0);
      return found;
    } catch {
      return undefined;
    }
  }

  /** Memory is without the page cache that can be dropped at once, as `docker stats` counts it. Throws when the container is gone. */
  usage(peakBefore: number): ResourceUsage {
    const files = this.#files;
    const used = readNumber(files.memory);
    const stat = readFileSync(files.memoryStat, 'utf8');
    const cache = Number(new RegExp(`^${files.inactiveFile} (\\d+)$`, 'm').exec(stat)?.[1] ?? 0);
    const memoryBytes = Math.max(0, used - cache);
    return {
      cpuMs: this.#cpuMs(),
      memoryBytes,
      peakMemoryBytes: Math.max(peakBefore, memoryBytes, readPeak(files.peak)),
      pids: Math.max(0, readNumber(files.pids) - launcherProcesses),
      io: ioFromFiles(this.#pid, files.disk),
    };
  }

  /** How many processes the kernel has killed in here for lack of memory; 0 when that cannot be told. */
  oomKills(): number {
    try {
      this.#oomDescriptor ??= openSync(this.#files.oomKills, 'r');
      const buffer = Buffer.alloc(oomFileBytes);
      const length = readSync(this.#oomDescriptor, buffer, 0, buffer.length, 0);
      return Number(/^oom_kill (\d+)$/m.exec(buffer.toString('latin1', 0, length))?.[1] ?? 0);
    } catch {
      return 0;
    }
  }

  /** What the kernel holds the container to; a limit that is not set is NaN. Throws when the container is gone. */
  limits(): ContainerLimits {
    return { memoryBytes: readNumber(this.#files.memoryLimit), pids: readNumber(this.#files.pidsLimit) };
  }

  close(): void {
    if (this.#oomDescriptor !== undefined) closeSync(this.#oomDescriptor);
    this.#oomDescriptor = undefined;
  }

  #cpuMs(): number {
    const text = readFileSync(this.#files.cpu, 'utf8');
    if (this.#version === 1) return Number(text) / nsPerMs;
    return Number(/^usage_usec (\d+)$/m.exec(text)?.[1] ?? 0) / usPerMs;
  }
}

function versionOneFiles(mounts: CgroupMounts, groups: string): UsageFiles {
  const directory = (role: CgroupRole): string => directoryOf(mounts, role);
  return {
    cpu: join(directory('cpuacct'), 'cpuacct.usage'),
    memory: join(directory('memory'), 'memory.usage_in_bytes'),
    peak: join(directory('memory'), 'memory.max_usage_in_bytes'),
    memoryStat: join(directory('memory'), 'memory.stat'),
    inactiveFile: 'total_inactive_file',
    pids: join(directory('pids'), 'pids.current'),
    oomKills: join(directory('memory'), 'memory.oom_control'),
    memoryLimit: join(directory('memory'), 'memory.limit_in_bytes'),
    pidsLimit: join(directory('pids'), 'pids.max'),
    disk: blockFile(mounts, groups),
  };
}

function versionTwoFiles(mounts: CgroupMounts): UsageFiles {
  const directory = directoryOf(mounts, 'unified');
  return {
    cpu: join(directory, 'cpu.stat'),
    memory: join(directory, 'memory.current'),
    peak: join(directory, 'memory.peak'),
    memoryStat: join(directory, 'memory.stat'),
    inactiveFile: 'inactive_file',
    pids: join(directory, 'pids.current'),
    oomKills: join(directory, 'memory.events'),
    memoryLimit: join(directory, 'memory.max'),
    pidsLimit: join(directory, 'pids.max'),
    disk: join(directory, 'io.stat'),
  };
}

/** The controller of block devices is none of the platform's own; it is mounted beside the others. */
function blockFile(mounts: CgroupMounts, groups: string): string | undefined {
  const group = /^\d+:(?:[^:]*,)?blkio(?:,[^:]*)?:(.*)$/m.exec(groups)?.[1];
  const memory = mounts.get('memory');
  if (group === undefined || memory === undefined) return undefined;
  return join(dirname(memory.mountPoint), 'blkio', group, 'blkio.throttle.io_service_bytes');
}

function directoryOf(mounts: CgroupMounts, role: CgroupRole): string {
  const mount = mounts.get(role);
  if (mount === undefined) throw new Error(`no control group hierarchy for ${role}`);
  return join(mount.mountPoint, mount.ownPath);
}

function readNumber(path: string): number {
  return Number(readFileSync(path, 'utf8'));
}

/** Version 2 has it since Linux 5.19. */
function readPeak(path: string): number {
  try {
    return readNumber(path);
  } catch {
    return 0;
  }
}
