/** Hands on what changes all the time: the newest, `ms` after the first change, and no more than once in that time. */
export class Throttle<T> {
  readonly #ms: number;
  readonly #emit: (value: T) => void;
  #emitted: T;
  #latest: T;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `first`: what is known where it goes to already. */
  constructor(options: { readonly first: T; readonly ms: number; readonly emit: (value: T) => void }) {
    this.#ms = options.ms;
    this.#emit = options.emit;
    this.#emitted = options.first;
    this.#latest = options.first;
  }

  push(value: T): void {
    this.#latest = value;
    if (value === this.#emitted || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#latest === this.#emitted) return;
      this.#emitted = this.#latest;
      this.#emit(this.#latest);
    }, this.#ms);
  }

  /** What was pushed and not handed on yet is let go. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
