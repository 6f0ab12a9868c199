import { closeSync, mkdirSync, openSync, readFileSync, readSync, rmdirSync, writeFileSync } from 'node:fs';
import { rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { ResourceUsage } from '../../../../core/ports/sandbox.ts';
import type { CgroupRole } from '../cgroup-hierarchies.ts';

export interface CgroupDirectory {
  readonly version: 1 | 2;
  readonly path: string;
}

export interface CgroupLimits {
  readonly memoryBytes: number;
  readonly cpus: number;
  readonly maxPids: number;
}

/** cpu.shares of one whole CPU; sandboxes compete in proportion to what they were promised. */
const sharesPerCpu = 1024;
const cpuPeriodUs = 100_000;
const removeAttempts = 200;
const removeWaitMs = 10;

/** Writes a control file; false when the kernel or the permissions refuse. */
export function writeControl(directory: string, file: string, value: string | number): boolean {
  try {
    writeFileSync(join(directory, file), String(value));
    return true;
  } catch {
    return false;
  }
}

/** The control groups of one sandbox: one directory per hierarchy (version 1), or one (version 2). */
export class Cgroup {
  readonly #directories: ReadonlyMap<CgroupRole, CgroupDirectory>;
  /** Distinct, as several roles can share a hierarchy. */
  readonly #paths: readonly string[];
  /** Kept open: watching for kills reads it often. */
  #oomDescriptor: number | undefined;
  #removed = false;

  private constructor(directories: ReadonlyMap<CgroupRole, CgroupDirectory>) {
    this.#directories = directories;
    this.#paths = [...new Set([...directories.values()].map((directory) => directory.path))];
  }

  /** Makes the directories and sets the limits, if they are known; throws with nothing left when the kernel refuses one of them. */
  static create(directories: ReadonlyMap<CgroupRole, CgroupDirectory>, limits: CgroupLimits | undefined): Cgroup {
    const group = new Cgroup(directories);
    try {
      for (const path of group.#paths) mkdirSync(path);
      if (limits !== undefined) group.limit(limits);
      const memory = directories.get('memory');
      if (memory !== undefined) {
        const file = memory.version === 1 ? 'memory.oom_control' : 'memory.events';
        group.#oomDescriptor = openSync(join(memory.path, file), 'r');
      }
    } catch (error) {
      group.#closeDescriptor();
      for (const path of group.#paths) removeQuietly(path);
      throw error;
    }
    return group;
  }

  /** For a group that was made without limits; throws when the kernel refuses one of them. */
  limit(limits: CgroupLimits): void {
    const { memory, pids, cpu } = Object.fromEntries(this.#directories) as Partial<Record<CgroupRole, CgroupDirectory>>;
    const quotaUs = Math.max(1000, Math.round(limits.cpus * cpuPeriodUs));
    if (memory?.version === 1) {
      writeFileSync(join(memory.path, 'memory.limit_in_bytes'), String(limits.memoryBytes));
      // Absent without swap accounting, and then there is no swap to limit.
      writeControl(memory.path, 'memory.memsw.limit_in_bytes', limits.memoryBytes);
      writeControl(memory.path, 'memory.swappiness', 0);
    } else if (memory !== undefined) {
      writeFileSync(join(memory.path, 'memory.max'), String(limits.memoryBytes));
      writeControl(memory.path, 'memory.swap.max', 0);
      writeControl(memory.path, 'memory.oom.group', 1);
    }
    if (pids !== undefined) writeFileSync(join(pids.path, 'pids.max'), String(limits.maxPids));
    if (cpu?.version === 1) {
      writeFileSync(join(cpu.path, 'cpu.cfs_period_us'), String(cpuPeriodUs));
      writeFileSync(join(cpu.path, 'cpu.cfs_quota_us'), String(quotaUs));
      writeControl(cpu.path, 'cpu.shares', Math.max(2, Math.round(limits.cpus * sharesPerCpu)));
    } else if (cpu !== undefined) {
      writeFileSync(join(cpu.path, 'cpu.max'), `${quotaUs} ${cpuPeriodUs}`);
      writeControl(cpu.path, 'cpu.weight', Math.min(10_000, Math.max(1, Math.round(limits.cpus * 100))));
    }
  }

  /**
   * Moves a process in, before it has children. Asynchronous because the first move after a pause waits for an RCU grace period
   * (about 10 ms), which must not stop the event loop; all hierarchies wait together.
   */
  async join(pid: number): Promise<void> {
    await Promise.all(this.#paths.map((path) => writeFile(join(path, 'cgroup.procs'), String(pid))));
  }

  usage(): ResourceUsage {
    const memory = this.#directories.get('memory');
    const cpu = this.#directories.get('cpuacct') ?? this.#directories.get('cpu');
    const old = memory?.version === 1;
    return {
      cpuMs: cpu === undefined ? 0 : readCpuMs(cpu),
      memoryBytes: memory === undefined ? 0 : readNumber(memory.path, old ? 'memory.usage_in_bytes' : 'memory.current'),
      peakMemoryBytes:
        memory === undefined ? 0 : readNumber(memory.path, old ? 'memory.max_usage_in_bytes' : 'memory.peak'),
      pids: this.#readPids(),
    };
  }

  /** How many processes the kernel has killed here for lack of memory; 0 when that cannot be told. */
  oomKills(): number {
    if (this.#oomDescriptor === undefined) return 0;
    const buffer = Buffer.alloc(512);
    try {
      const length = readSync(this.#oomDescriptor, buffer, 0, buffer.length, 0);
      return Number(/^oom_kill (\d+)$/m.exec(buffer.toString('latin1', 0, length))?.[1] ?? 0);
    } catch {
      return 0;
    }
  }

  get enforcesMemory(): boolean {
    return this.#directories.has('memory');
  }

  get canFreeze(): boolean {
    return this.#directories.has('unified') || this.#directories.has('freezer');
  }

  /** Stops or continues every process. Resolves when it has happened. */
  async freeze(frozen: boolean): Promise<void> {
    const unified = this.#directories.get('unified');
    if (unified !== undefined) {
      await writeFile(join(unified.path, 'cgroup.freeze'), frozen ? '1' : '0');
      await this.#waitFor(unified.path, 'cgroup.events', frozen ? /^frozen 1$/m : /^frozen 0$/m);
      return;
    }
    const freezer = this.#directories.get('freezer');
    if (freezer === undefined) return;
    await writeFile(join(freezer.path, 'freezer.state'), frozen ? 'FROZEN' : 'THAWED');
    await this.#waitFor(freezer.path, 'freezer.state', frozen ? /^FROZEN$/m : /^THAWED$/m);
  }

  /** Kills every process at once where the kernel can (version 2 since Linux 5.14); false where it cannot. */
  kill(): boolean {
    const unified = this.#directories.get('unified');
    if (unified !== undefined && writeControl(unified.path, 'cgroup.kill', 1)) return true;
    const freezer = this.#directories.get('freezer');
    // A frozen process of version 1 does not die before it thaws.
    if (freezer !== undefined) writeControl(freezer.path, 'freezer.state', 'THAWED');
    return false;
  }

  /** Processes that are inside, by host pid. */
  processes(): readonly number[] {
    const [path] = this.#paths;
    return path === undefined ? [] : readProcesses(path);
  }

  /** Removes the directories when the last process is gone; rejects when that does not happen within about two seconds. */
  async remove(): Promise<void> {
    this.#closeDescriptor();
    if (this.#removed) return;
    this.#removed = true;
    await Promise.all(this.#paths.map(removeWhenEmpty));
  }

  #readPids(): number {
    const pids = this.#directories.get('pids');
    return pids === undefined ? this.processes().length : readNumber(pids.path, 'pids.current');
  }

  async #waitFor(directory: string, file: string, pattern: RegExp): Promise<void> {
    for (let attempt = 0; attempt < 100; attempt++) {
      if (pattern.test(readFileSync(join(directory, file), 'utf8'))) return;
      await delay(attempt < 10 ? 1 : 10);
    }
    throw new Error(`${file} did not change`);
  }

  #closeDescriptor(): void {
    if (this.#oomDescriptor !== undefined) closeSync(this.#oomDescriptor);
    this.#oomDescriptor = undefined;
  }
}

export function readProcesses(directory: string): readonly number[] {
  try {
    const text = readFileSync(join(directory, 'cgroup.procs'), 'utf8').trim();
    return text === '' ? [] : text.split('\n').map(Number);
  } catch {
    return [];
  }
}

/** rmdir refuses with EBUSY while a process or charged memory is on its way out. */
export async function removeWhenEmpty(path: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      await rmdir(path);
      return;
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (code === 'ENOENT') return;
      if (code !== 'EBUSY' || attempt >= removeAttempts) throw error;
      await delay(attempt < 20 ? 1 : removeWaitMs);
    }
  }
}

function removeQuietly(path: string): void {
  try {
    rmdirSync(path);
  } catch {
    // It was never made; the error that led here is the one to report.
  }
}

function readNumber(directory: string, file: string): number {
  try {
    return Number(readFileSync(join(directory, file), 'utf8')) || 0;
  } catch {
    return 0;
  }
}

function readCpuMs(directory: CgroupDirectory): number {
  if (directory.version === 1) return readNumber(directory.path, 'cpuacct.usage') / 1e6;
  try {
    const text = readFileSync(join(directory.path, 'cpu.stat'), 'utf8');
    return Number(/^usage_usec (\d+)$/m.exec(text)?.[1] ?? 0) / 1000;
  } catch {
    return 0;
  }
}
