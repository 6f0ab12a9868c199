import type { InstanceResult, Lease, StartPhases } from '../../core/ports/instance-pool.ts';
import type { PooledInstance } from './pooled-instance.ts';

/** Who takes slots back. */
export interface LeaseOwner {
  release(instance: PooledInstance, slots: number, verdict: 'healthy' | 'broken', grantedMs: number): void;
}

interface PooledLeaseOptions {
  readonly instance: PooledInstance;
  readonly slots: number;
  readonly start: Lease['start'];
  readonly phases: StartPhases;
  /** Clock.monotonic() now. */
  readonly grantedMs: number;
  readonly ahead: Promise<InstanceResult> | undefined;
}

/** Slots of one instance; a second release does nothing. */
class PooledLease implements Lease {
  readonly instance: PooledInstance;
  readonly start: Lease['start'];
  readonly phases: StartPhases;
  readonly ahead: Promise<InstanceResult> | undefined;
  readonly #owner: LeaseOwner;
  readonly #grantedMs: number;
  #slots: number;

  constructor(owner: LeaseOwner, options: PooledLeaseOptions) {
    this.#owner = owner;
    this.instance = options.instance;
    this.#slots = options.slots;
    this.start = options.start;
    this.phases = options.phases;
    this.ahead = options.ahead;
    this.#grantedMs = options.grantedMs;
  }

  release(verdict: 'healthy' | 'broken'): void {
    if (this.#slots === 0) return;
    const slots = this.#slots;
    this.#slots = 0;
    this.#owner.release(this.instance, slots, verdict, this.#grantedMs);
  }
}

interface Grant {
  readonly instance: PooledInstance;
  readonly slots: number;
  /** When the caller began to wait, undefined when it did not. */
  readonly sinceMs: number | undefined;
  readonly grantedMs: number;
  /** The call that the lease is for, when the instance has it already. */
  readonly ahead?: Promise<InstanceResult> | undefined;
}

const warmPhases: StartPhases = { acquireMs: 0, bootMs: 0, loadMs: 0, initMs: 0 };

/**
 * The lease of a call. Its `start` is `warm` for everyone but the first: that one is told where the instance came from when it waited for
 * the start, and `provisioned` when configuration had started the instance before.
 */
export function grantLease(owner: LeaseOwner, { instance, slots, sinceMs, grantedMs, ahead }: Grant): Lease {
  const isFirst = !instance.isStartReported;
  instance.isStartReported = true;
  const lease = (start: Lease['start'], phases: StartPhases) =>
    new PooledLease(owner, { instance, slots, start, phases, grantedMs, ahead });
  const ready = isFirst && instance.purpose === 'provisioned' ? 'provisioned' : 'warm';
  if (sinceMs === undefined) return lease(ready, warmPhases);
  const acquireMs = grantedMs - sinceMs;
  // Only who waited while it started paid for the start.
  if (!isFirst || sinceMs > instance.readyMs) return lease(ready, { ...warmPhases, acquireMs });
  return lease(instance.start, { ...instance.phases, acquireMs });
}
