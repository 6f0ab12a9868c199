import { KiB, limits } from '../../../shared/limits.ts';
import { Violation } from './frames.ts';

/** More entries than this per call, or per window outside calls, are dropped even when they are tiny. */
const maxEntries = 20_000;
/** Agents stop at `maxEntries`; one that goes on this far wants to cost the host time. */
const floodEntries = 4 * maxEntries;
const windowMs = 10_000;

export interface MeteredCall {
  logBytes: number;
  logEntries: number;
}

/** Holds an agent to its log volume: agents cut off at the limit themselves, so whoever sends far more is not one of ours. */
export class LogMeter {
  readonly #monotonic: () => number;
  readonly #outside: MeteredCall = { logBytes: 0, logEntries: 0 };
  #windowEndsAt = 0;
  #limitBytes: number = limits.maxLogBytesPerInvocation;
  #lineBytes: number = limits.maxLogLineBytes;

  constructor(options: { readonly monotonic: () => number }) {
    this.#monotonic = options.monotonic;
  }

  get lineBytes(): number {
    return this.#lineBytes;
  }

  /** The limits that INIT names; the platform's defaults until then. */
  limit(init: { readonly logLimitBytes: number; readonly logLineBytes: number }): void {
    this.#limitBytes = init.logLimitBytes;
    this.#lineBytes = init.logLineBytes;
  }

  /** What becomes of an entry of so many bytes; `last` is the one after which the rest is dropped. `call` is undefined for id 0. */
  admit(call: MeteredCall | undefined, bytes: number): 'kept' | 'last' | 'dropped' {
    const meter = call ?? this.#window();
    // Agents count by windows of their own, which begin at other times, and their markers do not count.
    const most = this.#limitBytes * 1.25 + 64 * KiB;
    meter.logBytes += bytes;
    meter.logEntries++;
    if (meter.logBytes > most) throw new Violation(`more than ${Math.round(most)} bytes of logs`);
    if (meter.logEntries > floodEntries) throw new Violation(`more than ${floodEntries} log entries`);
    if (meter.logEntries < maxEntries) return 'kept';
    return meter.logEntries === maxEntries ? 'last' : 'dropped';
  }

  #window(): MeteredCall {
    const now = this.#monotonic();
    if (now >= this.#windowEndsAt) {
      this.#windowEndsAt = now + windowMs;
      this.#outside.logBytes = 0;
      this.#outside.logEntries = 0;
    }
    return this.#outside;
  }
}
