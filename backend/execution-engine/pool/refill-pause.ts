import { type BackoffLimits, backoffMs } from '../../core/policies/backoff.ts';
import type { Clock } from '../../core/ports/clock.ts';

export interface RefillPauseOptions {
  readonly clock: Clock;
  readonly backoff: BackoffLimits;
  /** The pause may be over. */
  readonly onOver: () => void;
}

/** When the next sandbox of a kind that is kept ready may be made: not at once after one was taken, and later after each that failed. */
export class RefillPause {
  readonly #options: RefillPauseOptions;
  #notBeforeMs = 0;
  /** In a row; the wait before the next try grows with them. */
  #failures = 0;

  constructor(options: RefillPauseOptions) {
    this.#options = options;
  }

  /** `now` is Clock.monotonic(). */
  isOver(now: number): boolean {
    return now >= this.#notBeforeMs;
  }

  /** At least so long from now. */
  extend(ms: number): void {
    const { clock, onOver } = this.#options;
    this.#notBeforeMs = Math.max(this.#notBeforeMs, clock.monotonic() + ms);
    // Timers count whole milliseconds, and would be a fraction early.
    clock.after(ms + 1, onOver);
  }

  failed(): void {
    this.#failures++;
    this.extend(backoffMs(this.#failures, this.#options.backoff, Math.random()));
  }

  worked(): void {
    this.#failures = 0;
  }
}
