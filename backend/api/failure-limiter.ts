import type { Clock } from '../core/ports/clock.ts';
import { addressGroup } from '../util/address-group.ts';

export interface FailureLimiterOptions {
  readonly clock: Clock;
  /** Failed attempts per address and minute; more are answered 429. */
  readonly maxPerMinute: number;
  /** Addresses remembered; the oldest go first. 10,000 when left out. */
  readonly maxAddresses?: number;
}

/** Counts failed attempts per address in windows of one minute, in bounded memory. */
export class FailureLimiter {
  readonly #options: FailureLimiterOptions;
  readonly #windows = new Map<string, { startedAt: number; failures: number }>();

  constructor(options: FailureLimiterOptions) {
    this.#options = options;
  }

  /** Notes a failure; returns the seconds to wait when there were too many, else undefined. */
  fail(address: string): number | undefined {
    const { clock, maxPerMinute, maxAddresses = 10_000 } = this.#options;
    const group = addressGroup(address);
    const now = clock.monotonic();
    let window = this.#windows.get(group);
    if (window === undefined || now - window.startedAt >= 60_000) {
      window = { startedAt: now, failures: 0 };
      this.#windows.delete(group);
      this.#windows.set(group, window);
      const [oldest] = this.#windows.keys();
      if (this.#windows.size > maxAddresses && oldest !== undefined) this.#windows.delete(oldest);
    }
    window.failures++;
    return window.failures > maxPerMinute ? Math.ceil((window.startedAt + 60_000 - now) / 1000) : undefined;
  }
}
