import { PlatformError } from '../../shared/errors.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Logger } from '../core/ports/logger.ts';

export interface GroupWriterOptions<T> {
  /** For the log, for example `log lines`. */
  readonly name: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Writes a batch whole or not at all. */
  readonly write: (batch: readonly T[]) => Promise<void>;
  /** How much of `maxCost` an item takes, for example its bytes; always the same for an item. */
  readonly costOf: (item: T) => number;
  readonly maxCost: number;
  readonly maxItems: number;
  /** A batch is written when it has so many items, */
  readonly maxBatch: number;
  /** or when they cost so much (left out: any): those of a batch are in memory until it is written. */
  readonly maxBatchCost?: number;
  /** or when its first item has waited so long. */
  readonly intervalMs: number;
  readonly onWritten?: (batch: readonly T[]) => void;
  /** An item is lost: there was no room, or the store refuses it. */
  readonly onDropped: (item: T) => void;
}

const maxBackOffMs = 5_000;

/**
 * Writes items in groups, in order. `push` is synchronous and bounded: over a bound the oldest unwritten item is dropped.
 * A batch that fails is tried again with back-off, 100 ms to 5 s. When the store is there but refuses the batch, it is halved
 * until the item that it refuses is alone; that one is dropped.
 */
export class GroupWriter<T> {
  readonly #options: GroupWriterOptions<T>;
  readonly #maxBatchCost: number;
  #queue: T[] = [];
  /** Of `#queue`; what is before was taken. */
  #head = 0;
  #cost = 0;
  #batch: readonly T[] = [];
  /** While a refused batch is taken apart; undefined otherwise. */
  #batchLimit: number | undefined;
  #attempt = 0;
  #cancelTimer: (() => void) | undefined;
  #writing: Promise<boolean> | undefined;
  #isClosed = false;
  #dropped = 0;
  #failures = 0;

  constructor(options: GroupWriterOptions<T>) {
    this.#options = options;
    this.#maxBatchCost = options.maxBatchCost ?? Number.POSITIVE_INFINITY;
  }

  /** Items lost since the start. */
  get dropped(): number {
    return this.#dropped;
  }
  /** Writes that failed since the start. */
  get failures(): number {
    return this.#failures;
  }

  push(item: T): void {
    this.#queue.push(item);
    this.#cost += this.#options.costOf(item);
    while (this.#isOver() && this.#waiting > 1) this.#dropOldest();
    if (this.#hasBatch() && this.#attempt === 0) this.#arm(0);
    else if (this.#cancelTimer === undefined) this.#arm(this.#options.intervalMs);
  }

  /** What is not written yet, oldest first. */
  *unwritten(): Generator<T> {
    yield* this.#batch;
    for (let i = this.#head; i < this.#queue.length; i++) yield this.#queue[i] as T;
  }

  get unwrittenCount(): number {
    return this.#batch.length + this.#waiting;
  }

  /** Writes what is there now. Resolves also when the store fails: the rest is then tried again, as long as this is open. */
  async flush(): Promise<void> {
    let left = this.#batch.length + this.#waiting;
    while (left > 0) {
      const before = this.#batch.length + this.#waiting;
      if (before === 0 || !(await this.#writeOnce())) return;
      left -= Math.max(0, before - this.#batch.length - this.#waiting);
    }
  }

  /** Writes the rest, once, and stops its timer. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#disarm();
    await this.flush();
    this.#disarm();
  }

  get #waiting(): number {
    return this.#queue.length - this.#head;
  }

  /** As much waits as is written at once. */
  #hasBatch(): boolean {
    return this.#waiting >= this.#options.maxBatch || this.#cost >= this.#maxBatchCost;
  }

  #isOver(): boolean {
    return this.#cost > this.#options.maxCost || this.#waiting > this.#options.maxItems;
  }

  #arm(ms: number): void {
    if (this.#isClosed || this.#writing !== undefined) return;
    this.#disarm();
    this.#cancelTimer = this.#options.clock.after(ms, () => {
      this.#cancelTimer = undefined;
      // Never rejects.
      void this.#writeOnce();
    });
  }

  #disarm(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  /** Joins a write that is running. False: it failed. */
  #writeOnce(): Promise<boolean> {
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
      if (this.#batch.length === 0 && this.#waiting === 0) return;
      this.#arm(this.#nextDelayMs());
    });
    return this.#writing;
  }

  #nextDelayMs(): number {
    if (this.#attempt > 0) return Math.min(100 * 2 ** (this.#attempt - 1), maxBackOffMs);
    return this.#batch.length > 0 || this.#hasBatch() ? 0 : this.#options.intervalMs;
  }

  async #write(): Promise<boolean> {
    this.#disarm();
    if (this.#batch.length === 0) this.#batch = this.#take();
    const part = this.#batchLimit === undefined ? this.#batch : this.#batch.slice(0, this.#batchLimit);
    if (part.length === 0) return true;
    try {
      await this.#options.write(part);
    } catch (error) {
      return this.#onFailure(part, error);
    }
    this.#attempt = 0;
    this.#settle(part.length);
    this.#options.onWritten?.(part);
    return true;
  }

  #settle(count: number): void {
    this.#batch = this.#batch.slice(count);
    if (this.#batch.length === 0) this.#batchLimit = undefined;
  }

  #onFailure(part: readonly T[], error: unknown): boolean {
    const { logger, name } = this.#options;
    this.#failures++;
    if (error instanceof PlatformError && error.kind === 'unavailable') {
      this.#attempt++;
      logger.warn(
        { err: error, attempt: this.#attempt, items: part.length },
        `${name} could not be written; it is tried again`,
      );
      return false;
    }
    if (part.length > 1) {
      this.#batchLimit = Math.ceil(part.length / 2);
      return true;
    }
    logger.error({ err: error }, `the store refuses one of the ${name}; it is dropped`);
    const [refused] = part;
    this.#settle(1);
    if (refused !== undefined) this.#drop(refused);
    return true;
  }

  #take(): T[] {
    const { costOf, maxBatch } = this.#options;
    const last = Math.min(this.#head + maxBatch, this.#queue.length);
    let [end, cost] = [this.#head, 0];
    while (end < last && cost < this.#maxBatchCost) cost += costOf(this.#queue[end++] as T);
    const taken = this.#queue.slice(this.#head, end);
    this.#cost -= cost;
    this.#head = end;
    this.#compact();
    return taken;
  }

  #dropOldest(): void {
    const oldest = this.#queue[this.#head] as T;
    this.#head++;
    this.#compact();
    this.#cost -= this.#options.costOf(oldest);
    this.#drop(oldest);
  }

  #drop(item: T): void {
    this.#dropped++;
    this.#options.onDropped(item);
  }

  /** Moving the rest down costs as much as what was taken before, so a push stays O(1) on average. */
  #compact(): void {
    if (this.#head < 256 || this.#head * 2 < this.#queue.length) {
      if (this.#head < this.#queue.length) return;
    }
    this.#queue = this.#queue.slice(this.#head);
    this.#head = 0;
  }
}
