import type { Lease, StartPhases } from '../../core/ports/instance-pool.ts';
import type { PooledInstance } from './pooled-instance.ts';

/** Who takes slots back. */
export interface LeaseOwner {
  release(instance: PooledInstance, slots: number, verdict: 'healthy' | 'broken'): void;
}

/** Slots of one instance; a second release does nothing. */
export class PooledLease implements Lease {
  readonly instance: PooledInstance;
  readonly start: Lease['start'];
  readonly phases: StartPhases;
  readonly #owner: LeaseOwner;
  #slots: number;

  constructor(owner: LeaseOwner, instance: PooledInstance, slots: number, start: Lease['start'], phases: StartPhases) {
    this.#owner = owner;
    this.instance = instance;
    this.#slots = slots;
    this.start = start;
    this.phases = phases;
  }

  release(verdict: 'healthy' | 'broken'): void {
    if (this.#slots === 0) return;
    const slots = this.#slots;
    this.#slots = 0;
    this.#owner.release(this.instance, slots, verdict);
  }
}
