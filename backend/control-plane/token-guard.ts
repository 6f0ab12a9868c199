import type { Clock } from '../core/ports/clock.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { Store } from '../core/ports/store.ts';
import { addressGroup } from '../util/address-group.ts';

export interface TokenGuardOptions {
  readonly store: Pick<Store, 'signInFailures'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Wrong tokens per address (IPv6: one /64) and minute; more are answered 429. */
  readonly maxPerMinute: number;
  /** Addresses remembered; the oldest go first. 10,000 when left out. */
  readonly maxAddresses?: number;
}

interface Window {
  /** Clock.monotonic. */
  readonly startedMs: number;
  /** Clock.now, for the store. */
  readonly startedAt: number;
  failures: number;
}

const windowMs = 60_000;
/** Sets these windows apart from those of passwords, in the same table. */
const keyPrefix = 'token ';
/** How long a count may be in memory alone: a restart forgives what came since. */
const writeAfterMs = 1000;
const maxPerWrite = 1000;

/**
 * Counts wrong tokens per address in windows of a minute. In memory, so that a request waits for no write; on disk within a second, so that a restart
 * forgives nothing else. However many come, that is one write in a second, and none for an address that is over its limit already.
 */
export class TokenGuard {
  readonly #options: TokenGuardOptions;
  readonly #windows = new Map<string, Window>();
  /** Groups of addresses whose count on disk is old. */
  readonly #unwritten = new Set<string>();
  #cancelTimer: (() => void) | undefined;
  #writing: Promise<void> = Promise.resolve();
  #prunedMs = Number.NEGATIVE_INFINITY;

  constructor(options: TokenGuardOptions) {
    this.#options = options;
  }

  /** Goes on with the windows of an earlier process that are not over. */
  async load(): Promise<void> {
    const { store, clock, maxAddresses = 10_000 } = this.#options;
    const now = clock.now();
    const found = await store.signInFailures.list(keyPrefix, now - windowMs, maxAddresses);
    const nowMs = clock.monotonic();
    for (const { key, failures, startedAt } of found.toReversed()) {
      // A wall clock that was set back makes no window longer than one.
      const startedMs = nowMs - Math.max(0, now - startedAt);
      this.#windows.set(key.slice(keyPrefix.length), { startedMs, startedAt, failures });
    }
  }

  /** Notes a failure; returns the seconds to wait when there were too many, else undefined. */
  fail(address: string): number | undefined {
    const { clock, maxPerMinute, maxAddresses = 10_000 } = this.#options;
    const group = addressGroup(address);
    const nowMs = clock.monotonic();
    let window = this.#windows.get(group);
    if (window === undefined || nowMs - window.startedMs >= windowMs) {
      window = { startedMs: nowMs, startedAt: clock.now(), failures: 0 };
      this.#windows.delete(group);
      this.#windows.set(group, window);
      const [oldest] = this.#windows.keys();
      if (this.#windows.size > maxAddresses && oldest !== undefined) this.#windows.delete(oldest);
    }
    window.failures++;
    const isOver = window.failures > maxPerMinute;
    if (window.failures <= maxPerMinute + 1) this.#writeLater(group);
    return isOver ? Math.ceil((window.startedMs + windowMs - nowMs) / 1000) : undefined;
  }

  /** Resolves when all counts are on disk. */
  async settled(): Promise<void> {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    while (this.#unwritten.size > 0) this.#write();
    await this.#writing;
  }

  #writeLater(group: string): void {
    this.#unwritten.add(group);
    this.#arm();
  }

  #arm(): void {
    this.#cancelTimer ??= this.#options.clock.after(writeAfterMs, () => {
      this.#cancelTimer = undefined;
      this.#write();
      // Not before that one is done: a slow disk must not gather writes.
      void this.#writing.then(() => {
        if (this.#unwritten.size > 0) this.#arm();
      });
    });
  }

  #write(): void {
    const windows = [...this.#unwritten].slice(0, maxPerWrite).flatMap((group) => {
      this.#unwritten.delete(group);
      const window = this.#windows.get(group);
      return window === undefined
        ? []
        : [{ key: keyPrefix + group, failures: window.failures, startedAt: window.startedAt }];
    });
    const { store, clock, logger } = this.#options;
    const isPruning = clock.monotonic() - this.#prunedMs >= windowMs;
    if (isPruning) this.#prunedMs = clock.monotonic();
    this.#writing = this.#writing
      .then(async () => {
        await store.signInFailures.put(windows);
        if (isPruning) await store.signInFailures.prune(clock.now() - windowMs, keyPrefix);
      })
      .catch((error: unknown) => logger.warn({ err: error }, 'could not store how many wrong tokens came'));
  }
}
