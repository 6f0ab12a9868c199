export interface BackoffLimits {
  readonly minMs: number;
  readonly maxMs: number;
}

/**
 * The wait after the `failures`-th failure in a row (1 for the first): doubles each time from `minMs` up to `maxMs`, half of it
 * fixed and half random ("equal jitter", AWS Architecture Blog, Exponential Backoff and Jitter), so that calls that failed together
 * do not come back together. `random` is in [0, 1).
 */
export function backoffMs(failures: number, limits: BackoffLimits, random: number): number {
  // 2^40 ms is 34 years: a larger exponent only risks infinity.
  const doublings = Math.min(40, Math.max(0, failures - 1));
  const ceiling = Math.min(limits.maxMs, limits.minMs * 2 ** doublings);
  return Math.round(ceiling / 2 + (ceiling / 2) * random);
}
