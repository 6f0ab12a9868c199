import { PlatformError } from '../../../shared/errors.ts';
import { Fifo, type FifoNode } from '../../core/policies/fifo.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Lease } from '../../core/ports/instance-pool.ts';

/** A call that waits for a lease. */
export interface Waiter {
  readonly slots: number;
  readonly sinceMs: number;
  readonly resolve: (lease: Lease) => void;
  readonly reject: (error: PlatformError) => void;
  /** Stops listening to the signal. */
  readonly leave: () => void;
}

/** Calls of one version that wait for a lease, first come, first served. */
export class WaitingLine {
  readonly #clock: Clock;
  readonly #waiters = new Fifo<Waiter>();
  #slots = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#waiters.size;
  }

  /** Slots that all of them need together. */
  get slots(): number {
    return this.#slots;
  }

  get first(): Waiter | undefined {
    return this.#waiters.peek();
  }

  /** When the signal aborts, the wait rejects with `unavailable` / `acquire_aborted`, and `onLeave` is called. */
  join(
    slots: number,
    signal: AbortSignal,
    onLeave: () => void,
  ): { readonly promise: Promise<Lease>; readonly isWaiting: boolean } {
    const { promise, resolve, reject } = Promise.withResolvers<Lease>();
    if (signal.aborted) {
      reject(abortedError());
      return { promise, isWaiting: false };
    }
    let node: FifoNode<Waiter> | undefined;
    const onAbort = () => {
      if (node === undefined || !this.#waiters.remove(node)) return;
      this.#slots -= slots;
      reject(abortedError());
      onLeave();
    };
    signal.addEventListener('abort', onAbort, { once: true });
    const leave = () => signal.removeEventListener('abort', onAbort);
    node = this.#waiters.push({ slots, sinceMs: this.#clock.monotonic(), resolve, reject, leave });
    this.#slots += slots;
    return { promise, isWaiting: true };
  }

  /** Gives the first waiter its lease; `waiter` must be the first. */
  serve(waiter: Waiter, lease: Lease): void {
    this.#shift();
    waiter.resolve(lease);
  }

  /** Rejects the first waiters whose slots fit into `slots`, at least one. */
  rejectSlots(slots: number, error: PlatformError): void {
    let left = slots;
    for (let waiter = this.first; waiter !== undefined; waiter = this.first) {
      if (left < slots && waiter.slots > left) return;
      left -= waiter.slots;
      this.#shift();
      waiter.reject(error);
      if (left <= 0) return;
    }
  }

  rejectAll(error: PlatformError): void {
    for (let waiter = this.first; waiter !== undefined; waiter = this.first) {
      this.#shift();
      waiter.reject(error);
    }
  }

  #shift(): void {
    const waiter = this.#waiters.shift();
    if (waiter === undefined) return;
    this.#slots -= waiter.slots;
    waiter.leave();
  }
}

function abortedError(): PlatformError {
  return new PlatformError('unavailable', 'acquire_aborted', 'the wait for an instance was given up');
}
