import type { Clock } from '../../backend/core/ports/clock.ts';
import { sleepOn } from '../../backend/core/sleep.ts';

interface Timer {
  readonly dueAt: number;
  readonly order: number;
  readonly run: () => void;
}

/** A clock that stands still until a test moves it. Due timers run in order of time, then of creation. */
export class ManualClock implements Clock {
  readonly #timers = new Set<Timer>();
  #elapsedMs = 0;
  #wallAt: number;
  #order = 0;

  /** `startAt` is the first answer of `now()`; `monotonic()` starts at 0. */
  constructor(startAt = Date.UTC(2030, 0, 1)) {
    this.#wallAt = startAt;
  }

  now(): number {
    return this.#wallAt;
  }

  monotonic(): number {
    return this.#elapsedMs;
  }

  /** How many timers wait: 0 after everything was closed. */
  get pendingTimers(): number {
    return this.#timers.size;
  }

  after(ms: number, run: () => void): () => void {
    const timer: Timer = { dueAt: this.#elapsedMs + Math.max(0, ms), order: this.#order++, run };
    this.#timers.add(timer);
    return () => {
      this.#timers.delete(timer);
    };
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return sleepOn(this, ms, signal);
  }

  /** Moves both clocks and runs what becomes due. Does not wait for promises: see `settle`. */
  advance(ms: number): void {
    const end = this.#elapsedMs + ms;
    for (let timer = this.#nextDue(end); timer !== undefined; timer = this.#nextDue(end)) {
      this.#timers.delete(timer);
      this.#moveTo(Math.max(timer.dueAt, this.#elapsedMs));
      timer.run();
    }
    this.#moveTo(end);
  }

  /** Like `advance`, but lets promises settle between timers, so that loops of `await clock.sleep()` take every step. */
  async advanceAsync(ms: number): Promise<void> {
    const end = this.#elapsedMs + ms;
    await settle();
    for (let timer = this.#nextDue(end); timer !== undefined; timer = this.#nextDue(end)) {
      this.#timers.delete(timer);
      this.#moveTo(Math.max(timer.dueAt, this.#elapsedMs));
      timer.run();
      await settle();
    }
    this.#moveTo(end);
  }

  /** Sets the wall clock only, as NTP or an operator does; timers and `monotonic()` do not notice. */
  jumpTo(wallAt: number): void {
    this.#wallAt = wallAt;
  }

  #moveTo(elapsedMs: number): void {
    this.#wallAt += elapsedMs - this.#elapsedMs;
    this.#elapsedMs = elapsedMs;
  }

  #nextDue(end: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.dueAt > end) continue;
      if (next === undefined || timer.dueAt < next.dueAt || (timer.dueAt === next.dueAt && timer.order < next.order)) {
        next = timer;
      }
    }
    return next;
  }
}

/** Lets promises that can settle without I/O do so. */
export function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
