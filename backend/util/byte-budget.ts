export interface ByteBudgetOptions {
  readonly windowMs: number;
  readonly maxBytes: number;
  readonly maxBytesPerKey: number;
}

/**
 * How many bytes may be spent in each window of time, in all and per key. What is asked for while anything is left is given whole, so a
 * window may go over by one. Times are monotonic milliseconds.
 */
export class ByteBudget {
  readonly #options: ByteBudgetOptions;
  #windowEndsAt = Number.NEGATIVE_INFINITY;
  #bytes = 0;
  #bytesOf = new Map<string, number>();

  constructor(options: ByteBudgetOptions) {
    this.#options = options;
  }

  /** Whether anything is left for this key: asks before the bytes are known. */
  has(key: string, now: number): boolean {
    const { maxBytes, maxBytesPerKey, windowMs } = this.#options;
    if (now >= this.#windowEndsAt) {
      this.#windowEndsAt = now + windowMs;
      this.#bytes = 0;
      this.#bytesOf = new Map();
    }
    return this.#bytes < maxBytes && (this.#bytesOf.get(key) ?? 0) < maxBytesPerKey;
  }

  spend(key: string, bytes: number): void {
    this.#bytes += bytes;
    this.#bytesOf.set(key, (this.#bytesOf.get(key) ?? 0) + bytes);
  }
}
