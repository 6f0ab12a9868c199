import type { Clock } from '../core/ports/clock.ts';

export interface RepetitionOptions {
  readonly clock: Clock;
  /** From the end of one round to the beginning of the next, milliseconds. */
  readonly intervalMs: number;
  /** Must not reject. */
  readonly work: () => Promise<unknown>;
}

/** Does a piece of work again and again, one round at a time: work that takes long delays the next round and never overlaps with it. */
export class Repetition {
  readonly #options: RepetitionOptions;
  #cancelTimer: (() => void) | undefined;
  #round: Promise<unknown> | undefined;
  #isStopped = false;

  constructor(options: RepetitionOptions) {
    this.#options = options;
  }

  /** The first round comes after one interval. */
  start(): void {
    const { clock, intervalMs, work } = this.#options;
    this.#cancelTimer = clock.after(intervalMs, () => {
      this.#round = work().finally(() => {
        this.#round = undefined;
        if (!this.#isStopped) this.start();
      });
    });
  }

  /** No further round begins. */
  stop(): void {
    this.#isStopped = true;
    this.#cancelTimer?.();
  }

  /** `stop`, and waits for the round that is under way. */
  async close(): Promise<void> {
    this.stop();
    await this.#round;
  }
}
