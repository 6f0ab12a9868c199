import type { PooledInstance } from './pooled-instance.ts';

/** Instances of one version with free slots, the most recently used last, so that spares at the bottom age out. */
export class FreeInstances {
  readonly #stack: PooledInstance[] = [];

  /** The most recently used one with so many free slots. Takes nothing out. */
  find(slots: number): PooledInstance | undefined {
    for (let i = this.#stack.length - 1; i >= 0; i--) {
      const instance = this.#stack[i];
      if (instance !== undefined && instance.freeSlots >= slots) return instance;
    }
    return undefined;
  }

  /** Does nothing for one that is listed already or has no free slot. */
  list(instance: PooledInstance): void {
    if (instance.isListed || instance.freeSlots <= 0) return;
    instance.isListed = true;
    this.#stack.push(instance);
  }

  /** Does nothing for one that is not listed. */
  unlist(instance: PooledInstance): void {
    if (!instance.isListed) return;
    instance.isListed = false;
    // The one in question is nearly always the last.
    const at = this.#stack.lastIndexOf(instance);
    if (at === this.#stack.length - 1) this.#stack.pop();
    else this.#stack.splice(at, 1);
  }
}
