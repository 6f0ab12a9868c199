import type { PooledInstance } from './pooled-instance.ts';

/** Who waits until instances are gone. */
export class Departures {
  readonly #awaited = new Set<{ readonly left: Set<PooledInstance>; readonly resolve: () => void }>();

  /** Resolves when none of these is left, whatever came meanwhile. */
  of(instances: Iterable<PooledInstance>): Promise<void> {
    const left = new Set(instances);
    if (left.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#awaited.add({ left, resolve }));
  }

  /** This one is gone. */
  note(instance: PooledInstance): void {
    for (const awaited of this.#awaited) {
      awaited.left.delete(instance);
      if (awaited.left.size > 0) continue;
      this.#awaited.delete(awaited);
      awaited.resolve();
    }
  }
}
