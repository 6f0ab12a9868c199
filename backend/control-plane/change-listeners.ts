/** Told of something that has changed, or is not there any more. Must not throw. */
export type ChangeListener<T> = (changed: T, isRemoved: boolean) => void;

/** Those who want to hear of changes, in the order in which they asked. */
export class ChangeListeners<T> {
  readonly #listeners = new Set<ChangeListener<T>>();

  /** Returns the unsubscriber. One listener may be added several times. */
  add(listener: ChangeListener<T>): () => void {
    const own: ChangeListener<T> = (changed, isRemoved) => listener(changed, isRemoved);
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }

  tell(changed: T, isRemoved: boolean): void {
    for (const listener of this.#listeners) listener(changed, isRemoved);
  }
}
