import type { Clock } from '../../core/ports/clock.ts';

/** What has a deadline on Clock.monotonic(). */
export interface Expiring {
  readonly deadlineAt: number;
  /** Called once the deadline has passed, possibly more than once. */
  expire(): void;
}

/**
 * One timer for all calls of a connection. Calls that end in time cost nothing here: the timer is set for the earliest
 * deadline ever seen, and when it fires it looks through what is still there.
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #items: () => Iterable<Expiring>;
  #cancel: (() => void) | undefined;
  #armedFor = Number.POSITIVE_INFINITY;

  constructor(options: { readonly clock: Clock; readonly items: () => Iterable<Expiring> }) {
    this.#clock = options.clock;
    this.#items = options.items;
  }

  add(deadlineAt: number): void {
    if (deadlineAt < this.#armedFor) this.#arm(deadlineAt);
  }

  close(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#armedFor = Number.POSITIVE_INFINITY;
  }

  #arm(deadlineAt: number): void {
    this.#cancel?.();
    this.#armedFor = deadlineAt;
    const ms = Math.max(1, Math.ceil(deadlineAt - this.#clock.monotonic()));
    this.#cancel = this.#clock.after(ms, () => this.#fire());
  }

  #fire(): void {
    this.close();
    const now = this.#clock.monotonic();
    let next = Number.POSITIVE_INFINITY;
    for (const item of [...this.#items()]) {
      if (item.deadlineAt <= now) item.expire();
      else next = Math.min(next, item.deadlineAt);
    }
    if (next < this.#armedFor) this.#arm(next);
  }
}
