import type { Clock } from '../../core/ports/clock.ts';
import { type IoField, type IoUsage, ioFields } from '../../core/ports/sandbox.ts';
import type { PooledInstance } from './pooled-instance.ts';

export interface UsageSamplerOptions {
  readonly clock: Clock;
  readonly intervalMs: number;
  readonly instances: () => Iterable<PooledInstance>;
  /** Told what an instance moved since it was last asked, when that is something. */
  readonly onIo: (instance: PooledInstance, io: IoUsage) => void;
  /** Told what an instance holds: each time while it runs something, and now and then while it is idle. */
  readonly onMemory: (instance: PooledInstance, bytes: number) => void;
}

/** Idle instances are looked at only so often: reading a thousand of them every second would be felt. */
const idleRounds = 10;
/** And what idle ones hold is told only so often: each time becomes a stored point of a version that does nothing. */
const idleMemoryRounds = 60;

/** Asks sandboxes what they use, off the hot path: those that ran something since the last time, all of them every ten rounds. */
export class UsageSampler {
  readonly #options: UsageSamplerOptions;
  #cancel: (() => void) | undefined;
  #round = 0;
  #isStopped = false;

  constructor(options: UsageSamplerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#cancel = this.#options.clock.after(this.#options.intervalMs, () => {
      this.sample().then(
        () => this.#again(),
        () => this.#again(),
      );
    });
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel?.();
  }

  /** One round, one sandbox after the other. */
  async sample(): Promise<void> {
    const round = this.#round++;
    const isFull = round % idleRounds === 0;
    const tellsIdle = round % idleMemoryRounds === 0;
    for (const instance of [...this.#options.instances()]) {
      if (this.#isStopped || instance.state === 'dead' || instance.body.isLost) continue;
      const hasRun = instance.inFlight > 0 || instance.invocations !== instance.sampledInvocations;
      if (!hasRun && !isFull) continue;
      instance.sampledInvocations = instance.invocations;
      await this.#sampleOne(instance, hasRun || tellsIdle);
    }
  }

  async #sampleOne(instance: PooledInstance, tellsMemory: boolean): Promise<void> {
    try {
      const usage = await instance.body.sandbox.usage();
      const peakMemoryBytes = Math.max(usage.peakMemoryBytes, usage.memoryBytes, instance.usage.peakMemoryBytes);
      const moved = ioSince(instance.usage.io, usage.io);
      instance.usage = { ...usage, peakMemoryBytes };
      if (moved !== undefined) this.#options.onIo(instance, moved);
      if (tellsMemory && usage.memoryBytes > 0) this.#options.onMemory(instance, usage.memoryBytes);
    } catch {
      // It died meanwhile; the last sample stays.
    }
  }

  #again(): void {
    if (!this.#isStopped) this.start();
  }
}

/** Undefined: nothing, or a driver that cannot tell. Counters of a kernel only grow; one that does not is not believed. */
function ioSince(before: IoUsage | undefined, now: IoUsage | undefined): IoUsage | undefined {
  if (now === undefined) return undefined;
  const since = ioFields.map((field): [IoField, number] => [field, Math.max(0, now[field] - (before?.[field] ?? 0))]);
  return since.some(([, bytes]) => bytes > 0) ? (Object.fromEntries(since) as IoUsage) : undefined;
}
