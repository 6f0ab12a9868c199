/** A sandbox that can see whether the kernel has killed one of its processes for lack of memory. */
interface Starvable {
  /** Ends the sandbox if it has; cheap. */
  endIfStarved(): void;
}

/** Looks at sandboxes again and again while there are any, for those that ran out of memory. Keeps no process alive. */
export class StarvationWatch {
  readonly #live: ReadonlyMap<unknown, Starvable>;
  readonly #everyMs: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(live: ReadonlyMap<unknown, Starvable>, everyMs: number) {
    this.#live = live;
    this.#everyMs = everyMs;
  }

  /** To be called whenever a sandbox came or went. */
  update(): void {
    if (this.#live.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    } else {
      this.#timer ??= setInterval(() => {
        for (const sandbox of this.#live.values()) sandbox.endIfStarved();
      }, this.#everyMs).unref();
    }
  }
}
