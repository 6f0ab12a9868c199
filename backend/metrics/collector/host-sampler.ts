import { readFile, statfs } from 'node:fs/promises';
import { availableParallelism, cpus, freemem, totalmem } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Gauges } from '../../../shared/api/metrics.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Logger } from '../../core/ports/logger.ts';

export type HostSample = Omit<Gauges['host'], 'sandboxMemoryBytes'>;

export interface HostSamplerOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Whose file system is watched for free space. */
  readonly dataDirectory: string;
  /** 1,000 when left out. */
  readonly intervalMs?: number;
  /** `/proc/stat`; another file in tests. */
  readonly procStatPath?: string;
}

interface CpuTimes {
  readonly busy: number;
  readonly total: number;
}

/** The delay histogram ticks this often; finer would wake an idle host for nothing. */
const loopResolutionMs = 20;

/** Looks at the host once per interval; `latest` costs nothing. What cannot be read stays 0. */
export class HostSampler {
  readonly #options: HostSamplerOptions;
  readonly #intervalMs: number;
  readonly #procStatPath: string;
  #loop: ReturnType<typeof monitorEventLoopDelay> | undefined;
  #cancelTimer: (() => void) | undefined;
  #sampling: Promise<void> | undefined;
  #isOpen = false;
  #cpuTimes: CpuTimes | undefined;
  #hasWarned = false;
  #latest: HostSample = {
    cpuPercent: 0,
    cpus: availableParallelism(),
    memoryUsedBytes: 0,
    memoryTotalBytes: totalmem(),
    platformRssBytes: 0,
    diskFreeBytes: 0,
    diskTotalBytes: 0,
    loopLagMs: 0,
  };

  constructor(options: HostSamplerOptions) {
    this.#options = options;
    this.#intervalMs = options.intervalMs ?? 1_000;
    this.#procStatPath = options.procStatPath ?? '/proc/stat';
  }

  /** Resolves after the first sample. */
  async start(): Promise<void> {
    if (this.#isOpen) return;
    this.#isOpen = true;
    this.#loop = monitorEventLoopDelay({ resolution: loopResolutionMs });
    this.#loop.enable();
    await this.#run();
  }

  latest(): HostSample {
    return this.#latest;
  }

  async close(): Promise<void> {
    this.#isOpen = false;
    this.#cancelTimer?.();
    this.#loop?.disable();
    await this.#sampling;
  }

  async #run(): Promise<void> {
    this.#sampling = this.#sample();
    await this.#sampling;
    if (!this.#isOpen) return;
    this.#cancelTimer = this.#options.clock.after(this.#intervalMs, () => {
      // Never rejects.
      void this.#run();
    });
  }

  async #sample(): Promise<void> {
    const [cpuTimes, disk] = await Promise.all([this.#readCpuTimes(), this.#readDisk()]);
    const cpuPercent = percentBetween(this.#cpuTimes, cpuTimes);
    this.#cpuTimes = cpuTimes;
    const memoryTotalBytes = totalmem();
    this.#latest = {
      cpuPercent,
      cpus: availableParallelism(),
      // freemem is MemAvailable on Linux: caches count as free.
      memoryUsedBytes: Math.max(0, memoryTotalBytes - freemem()),
      memoryTotalBytes,
      platformRssBytes: process.memoryUsage.rss(),
      ...disk,
      loopLagMs: this.#readLoopLag(),
    };
  }

  /** The 99th percentile of the interval, without the resolution that is in every reading. */
  #readLoopLag(): number {
    const loop = this.#loop;
    if (loop === undefined || loop.count === 0) return 0;
    const lagMs = loop.percentile(99) / 1e6 - loopResolutionMs;
    loop.reset();
    return Math.max(0, lagMs);
  }

  async #readCpuTimes(): Promise<CpuTimes | undefined> {
    try {
      return parseProcStat(await readFile(this.#procStatPath, 'latin1'));
    } catch {
      // Not Linux, or /proc is hidden: slower, but the same numbers.
      return timesOfCpus();
    }
  }

  async #readDisk(): Promise<Pick<HostSample, 'diskFreeBytes' | 'diskTotalBytes'>> {
    try {
      const { bavail, blocks, bsize } = await statfs(this.#options.dataDirectory);
      return { diskFreeBytes: bavail * bsize, diskTotalBytes: blocks * bsize };
    } catch (error) {
      if (!this.#hasWarned) {
        this.#hasWarned = true;
        this.#options.logger.warn({ err: error }, 'the free space of the data directory cannot be read');
      }
      return { diskFreeBytes: 0, diskTotalBytes: 0 };
    }
  }
}

/** The sum over all processors, from the first line: user nice system idle iowait irq softirq steal (proc(5)). */
export function parseProcStat(text: string): CpuTimes | undefined {
  const fields = /^cpu +(.+)/.exec(text)?.[1]?.trim().split(/ +/).slice(0, 8).map(Number);
  if (fields === undefined || fields.length < 4 || fields.some((field) => !Number.isFinite(field))) return undefined;
  const total = fields.reduce((sum, field) => sum + field, 0);
  return { busy: total - (fields[3] ?? 0) - (fields[4] ?? 0), total };
}

function timesOfCpus(): CpuTimes {
  let busy = 0;
  let idle = 0;
  for (const { times } of cpus()) {
    busy += times.user + times.nice + times.sys + times.irq;
    idle += times.idle;
  }
  return { busy, total: busy + idle };
}

/** Of all processors together, 0 to 100. */
function percentBetween(before: CpuTimes | undefined, after: CpuTimes | undefined): number {
  if (before === undefined || after === undefined || after.total <= before.total) return 0;
  return Math.min(100, Math.max(0, (100 * (after.busy - before.busy)) / (after.total - before.total)));
}
