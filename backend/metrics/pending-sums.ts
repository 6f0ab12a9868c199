import type { Clock } from '../core/ports/clock.ts';
import type { Logger } from '../core/ports/logger.ts';

export interface PendingSumsOptions<Key, Sum> {
  readonly clock: Clock;
  readonly logger: Logger;
  /** What the sums are, for the log: "groups of errors". */
  readonly name: string;
  readonly add: (older: Sum, newer: Sum) => Sum;
  readonly write: (batch: readonly Sum[]) => Promise<void>;
  /** 1,000 when left out. */
  readonly flushIntervalMs?: number;
  /** Keys that wait to be written; more are counted as dropped. 2,000 when left out. */
  readonly maxKeys?: number;
  readonly keyOf: (sum: Sum) => Key;
}

/** Sums that are written about once a second, all that changed together. Bounded, synchronous to add to; loses none when the store is away. */
export class PendingSums<Key, Sum> {
  readonly #options: PendingSumsOptions<Key, Sum>;
  #pending = new Map<Key, Sum>();
  #cancelTimer: (() => void) | undefined;
  #writing: Promise<void> = Promise.resolve();
  #dropped = 0;
  #failures = 0;
  #isClosed = false;

  constructor(options: PendingSumsOptions<Key, Sum>) {
    this.#options = options;
  }

  /** Given up, because too many waited. */
  get dropped(): number {
    return this.#dropped;
  }
  /** Writes that the store refused, and that were tried again. */
  get failures(): number {
    return this.#failures;
  }

  add(sum: Sum): void {
    const { add, keyOf, maxKeys = 2_000 } = this.#options;
    const key = keyOf(sum);
    const known = this.#pending.get(key);
    if (known === undefined && this.#pending.size >= maxKeys) {
      this.#dropped++;
      return;
    }
    this.#pending.set(key, known === undefined ? sum : add(known, sum));
    if (!this.#isClosed) this.#arm();
  }

  /** Writes what is there. Never rejects: what the store refuses now is tried again with the next second. */
  flush(): Promise<void> {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#writing = this.#writing.then(() => this.#write());
    return this.#writing;
  }

  /** Writes the rest, once. */
  close(): Promise<void> {
    this.#isClosed = true;
    return this.flush();
  }

  #arm(): void {
    this.#cancelTimer ??= this.#options.clock.after(this.#options.flushIntervalMs ?? 1_000, () => {
      this.flush().catch(() => undefined);
    });
  }

  async #write(): Promise<void> {
    if (this.#pending.size === 0) return;
    const { add, logger, name, write } = this.#options;
    const batch = this.#pending;
    this.#pending = new Map();
    try {
      await write([...batch.values()]);
    } catch (error) {
      this.#failures++;
      logger.error({ err: error }, `${name} could not be written; trying again`);
      for (const [key, older] of batch) {
        const newer = this.#pending.get(key);
        this.#pending.set(key, newer === undefined ? older : add(older, newer));
      }
      if (!this.#isClosed) this.#arm();
    }
  }
}
