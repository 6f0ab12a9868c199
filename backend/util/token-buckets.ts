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
 * Token buckets by key, in bounded memory: of two generations of at most half of `maxKeys` the older one is forgotten when the
 * younger is full, which at worst gives the owner of a bucket that was not used meanwhile a full one. (The first key of a
 * Map costs a walk over all that was deleted before it, so there is no list of least recent use here.) Times are monotonic
 * milliseconds.
 */
export class TokenBuckets {
  readonly #maxYoung: number;
  #young = new Map<string, Bucket>();
  #old = new Map<string, Bucket>();

  constructor(maxKeys: number) {
    this.#maxYoung = Math.max(1, Math.floor(maxKeys / 2));
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  /** Takes one of `capacity` tokens, which come back evenly over `windowMs`. */
  take(key: string, capacity: number, windowMs: number, now: number): BucketState {
    const perMs = capacity / windowMs;
    const bucket = this.#bucket(key, capacity, now);
    bucket.tokens = Math.min(capacity, bucket.tokens + Math.max(0, now - bucket.at) * perMs);
    bucket.at = now;
    const isAllowed = bucket.tokens >= 1;
    if (isAllowed) bucket.tokens--;
    const missing = isAllowed ? capacity - bucket.tokens : 1 - bucket.tokens;
    const waitSeconds = Math.max(1, Math.ceil(missing / perMs / 1000));
    return { isAllowed, remaining: Math.floor(bucket.tokens), waitSeconds };
  }

  #bucket(key: string, capacity: number, now: number): Bucket {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const bucket = this.#old.get(key) ?? { tokens: capacity, at: now };
    this.#old.delete(key);
    if (this.#young.size >= this.#maxYoung) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, bucket);
    return bucket;
  }
}
