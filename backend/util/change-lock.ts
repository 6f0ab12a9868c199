/** Runs changes one after the other, so that a check and the write that relies on it see the same world. */
export class ChangeLock {
  #tail: Promise<unknown> = Promise.resolve();

  /** Runs `work` when everything before it has settled; its result or error is the caller's. */
  run<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(work);
    this.#tail = result.catch(() => undefined);
    return result;
  }
}
