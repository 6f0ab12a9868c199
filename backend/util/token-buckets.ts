export interface BucketState {
  readonly isAllowed: boolean;
  /** Whole requests left now. */
  readonly remaining: number;
  /** Until one more is allowed, or, while there are some, until all are there again. At least 1. */
  readonly waitSeconds: number;
}

interface Bucket {
  tokens: number;
  at: number;
}

/**
 * Token buckets by key, in bounded memory: a bucket that was not used for longest is forgotten first, which at worst gives
 * its owner a full one. Times are monotonic milliseconds.
 */
export class TokenBuckets {
  readonly #maxKeys: number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(maxKeys: number) {
    this.#maxKeys = maxKeys;
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** Takes one of `capacity` tokens, which come back evenly over `windowMs`. */
  take(key: string, capacity: number, windowMs: number, now: number): BucketState {
    const perMs = capacity / windowMs;
    const known = this.#buckets.get(key);
    const bucket: Bucket = known ?? { tokens: capacity, at: now };
    bucket.tokens = Math.min(capacity, bucket.tokens + Math.max(0, now - bucket.at) * perMs);
    bucket.at = now;
    // To the end: the first key is the one that was not used for longest.
    if (known !== undefined) this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    const [oldest] = this.#buckets.keys();
    if (this.#buckets.size > this.#maxKeys && oldest !== undefined) this.#buckets.delete(oldest);
    const isAllowed = bucket.tokens >= 1;
    if (isAllowed) bucket.tokens--;
    const missing = isAllowed ? capacity - bucket.tokens : 1 - bucket.tokens;
    const waitSeconds = Math.max(1, Math.ceil(missing / perMs / 1000));
    return { isAllowed, remaining: Math.floor(bucket.tokens), waitSeconds };
  }
}
