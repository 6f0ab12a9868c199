import type { Lease, StartPhases } from '../../core/ports/instance-pool.ts';
import type { PooledInstance } from './pooled-instance.ts';

/** Who takes slots back. */
export interface LeaseOwner {
  release(instance: PooledInstance, slots: number, verdict: 'healthy' | 'broken', grantedMs: number): void;
}

export interface PooledLeaseOptions {
  readonly instance: PooledInstance;
  readonly slots: number;
  readonly start: Lease['start'];
  readonly phases: StartPhases;
  /** Clock.monotonic() now. */
  readonly grantedMs: number;
}

/** Slots of one instance; a second release does nothing. */
export class PooledLease implements Lease {
  readonly instance: PooledInstance;
  readonly start: Lease['start'];
  readonly phases: StartPhases;
  readonly #owner: LeaseOwner;
  readonly #grantedMs: number;
  #slots: number;

  constructor(owner: LeaseOwner, options: PooledLeaseOptions) {
    this.#owner = owner;
    this.instance = options.instance;
    this.#slots = options.slots;
    this.start = options.start;
    this.phases = options.phases;
    this.#grantedMs = options.grantedMs;
  }

  release(verdict: 'healthy' | 'broken'): void {
    if (this.#slots === 0) return;
    const slots = this.#slots;
    this.#slots = 0;
    this.#owner.release(this.instance, slots, verdict, this.#grantedMs);
  }
}
