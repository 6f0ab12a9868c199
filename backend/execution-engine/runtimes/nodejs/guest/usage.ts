import { cpuUsage, monotonic, residentBytes, resourceUsage } from './originals.ts';

const sampleEveryMs = 100;
let peakBytes = 0;
let sampledAt = Number.NEGATIVE_INFINITY;
let inheritedKiB = 0;

/**
 * The kernel's high-water mark survives exec, so a process may begin with its parent's. Call once at start: up to that
 * mark, memory is sampled instead.
 */
export function startUsage(): void {
  const { maxRSS } = resourceUsage();
  inheritedKiB = maxRSS * 1024 > currentBytes() * 1.5 ? maxRSS : 0;
}

/** 0 where the kernel does not tell: a unikernel has no /proc/self/stat. */
function currentBytes(): number {
  try {
    return residentBytes();
  } catch {
    return 0;
  }
}

/** What a process that runs beside the agent has used: the `custom` runtime's program. */
interface MoreUsage {
  readonly cpuMicroseconds: number;
  readonly peakBytes: number;
}
let more: (() => MoreUsage) | undefined;

/** Adds what `read` tells to everything that is reported from now on. */
export function alsoCount(read: () => MoreUsage): void {
  more = read;
}

/** Within this of a reading, the clock alone is read: a burst of calls is CPU work, and asking the kernel each time is dear. */
const burstMs = 0.05;
let readAt = Number.NEGATIVE_INFINITY;
let readMicroseconds = 0;

/** CPU time of the whole process in microseconds; calls that overlap share what passes between start and end. */
export function cpuMicroseconds(): number {
  const now = monotonic();
  const elapsed = now - readAt;
  if (elapsed < burstMs) return readMicroseconds + elapsed * 1000;
  const { user, system } = cpuUsage();
  readAt = now;
  readMicroseconds = user + system + (more?.().cpuMicroseconds ?? 0);
  return readMicroseconds;
}

/** The members of `cpuMs` and `peakMemoryBytes` as JSON text, for a call that began at `startedAt` microseconds of CPU. */
export function usageJson(startedAt: number, sharedBy: number): string {
  const now = monotonic();
  if (now - sampledAt >= sampleEveryMs) {
    sampledAt = now;
    const { maxRSS } = resourceUsage();
    const own = maxRSS > inheritedKiB ? maxRSS * 1024 : currentBytes();
    peakBytes = Math.max(peakBytes, own + (more?.().peakBytes ?? 0));
  }
  const cpuMs = Math.max(0, cpuMicroseconds() - startedAt) / 1000 / sharedBy;
  return `"cpuMs":${cpuMs},"peakMemoryBytes":${peakBytes}`;
}
