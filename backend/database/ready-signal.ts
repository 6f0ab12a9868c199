/** Tells listeners in this process that the queue changed, at most once per turn of the event loop. */
export class ReadySignal {
  readonly #listeners = new Set<() => void>();
  #isRaised = false;

  raise(): void {
    if (this.#isRaised || this.#listeners.size === 0) return;
    this.#isRaised = true;
    setImmediate(() => {
      this.#isRaised = false;
      for (const wake of this.#listeners) wake();
    });
  }

  on(wake: () => void): () => void {
    const listener = () => wake();
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }
}

/** Inside a transaction: notes that the signal is to be raised once the transaction is on disk. */
export class DeferredReadySignal {
  readonly #target: ReadySignal;
  isRaised = false;

  constructor(options: { readonly target: ReadySignal }) {
    this.#target = options.target;
  }

  raise(): void {
    this.isRaised = true;
  }

  on(wake: () => void): () => void {
    return this.#target.on(wake);
  }

  deliver(): void {
    if (this.isRaised) this.#target.raise();
  }
}
