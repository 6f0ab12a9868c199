export interface RefusalLogOptions {
  readonly monotonic: () => number;
  readonly write: (text: string) => void;
}

const windowMs = 10_000;
const linesPerWindow = 10;

/** Lines about refused attempts in a function's log: a few at a time, however often it tries. */
export class RefusalLog {
  readonly #options: RefusalLogOptions;
  #since = Number.NEGATIVE_INFINITY;
  #lines = 0;

  constructor(options: RefusalLogOptions) {
    this.#options = options;
  }

  add(text: string): void {
    const now = this.#options.monotonic();
    if (now - this.#since >= windowMs) {
      this.#since = now;
      this.#lines = 0;
    }
    this.#lines++;
    if (this.#lines > linesPerWindow) return;
    const more = this.#lines === linesPerWindow ? ' [more of these within ten seconds are not written]' : '';
    this.#options.write(text + more);
  }
}
