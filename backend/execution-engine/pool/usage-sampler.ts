import type { Clock } from '../../core/ports/clock.ts';
import { type IoField, type IoUsage, ioFields } from '../../core/ports/sandbox.ts';
import type { PooledInstance } from './pooled-instance.ts';

export interface UsageSamplerOptions {
  readonly clock: Clock;
  readonly intervalMs: number;
  readonly instances: () => Iterable<PooledInstance>;
  /** Told what an instance moved since it was last asked, when that is something. */
  readonly onIo: (instance: PooledInstance, io: IoUsage) => void;
}

/** Idle instances are looked at only so often: reading a thousand of them every second would be felt. */
const idleRounds = 10;

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
    const isFull = this.#round++ % idleRounds === 0;
    for (const instance of [...this.#options.instances()]) {
      if (this.#isStopped || instance.state === 'dead' || instance.body.isLost) continue;
      const hasRun = instance.inFlight > 0 || instance.invocations !== instance.sampledInvocations;
      if (!hasRun && !isFull) continue;
      instance.sampledInvocations = instance.invocations;
      await this.#sampleOne(instance);
    }
  }

  async #sampleOne(instance: PooledInstance): Promise<void> {
    try {
      const usage = await instance.body.sandbox.usage();
      const peakMemoryBytes = Math.max(usage.peakMemoryBytes, usage.memoryBytes, instance.usage.peakMemoryBytes);
      const moved = ioSince(instance.usage.io, usage.io);
      instance.usage = { ...usage, peakMemoryBytes };
      if (moved !== undefined) this.#options.onIo(instance, moved);
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
