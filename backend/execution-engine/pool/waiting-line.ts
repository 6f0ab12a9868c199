import { PlatformError } from '../../../shared/errors.ts';
import type { InstanceId } from '../../../shared/ids.ts';
import { Fifo, type FifoNode } from '../../core/policies/fifo.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { InstanceCall, Lease } from '../../core/ports/instance-pool.ts';
import type { AheadCall, OfferAhead } from '../protocol/connection-options.ts';

/** A call that waits for a lease. */
export interface Waiter {
  readonly slots: number;
  readonly sinceMs: number;
  /** What the lease is for, when it may be sent before there is one. */
  readonly ahead: (() => InstanceCall) | undefined;
  readonly resolve: (lease: Lease) => void;
  readonly reject: (error: PlatformError) => void;
  /** Stops listening to the signal. */
  readonly leave: () => void;
}

/** Its call is in an instance that is starting: no other one may serve it. */
interface Bound {
  readonly waiter: Waiter;
  readonly to: InstanceId;
  readonly sent: AheadCall;
}

/** Calls of one version that wait for a lease, first come, first served. */
export class WaitingLine {
  readonly #clock: Clock;
  readonly #waiters = new Fifo<Waiter>();
  #slots = 0;
  #bound: Bound | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#waiters.size + (this.#bound === undefined ? 0 : 1);
  }

  /** Slots that all of them need together. */
  get slots(): number {
    return this.#slots;
  }

  /** The first that any instance may serve. */
  get first(): Waiter | undefined {
    return this.#waiters.peek();
  }

  /** How long the one that waits longest has waited; 0 when nobody does. */
  get waitedMs(): number {
    const oldest = this.#bound?.waiter ?? this.first;
    return oldest === undefined ? 0 : this.#clock.monotonic() - oldest.sinceMs;
  }

  /** When the signal aborts, the wait rejects with `unavailable` / `acquire_aborted`, and `onLeave` is called. */
  join(
    slots: number,
    signal: AbortSignal,
    onLeave: () => void,
    ahead?: () => InstanceCall,
  ): { readonly promise: Promise<Lease>; readonly isWaiting: boolean } {
    const { promise, resolve, reject } = Promise.withResolvers<Lease>();
    if (signal.aborted) {
      reject(abortedError());
      return { promise, isWaiting: false };
    }
    let node: FifoNode<Waiter> | undefined;
    const onAbort = () => {
      if (node === undefined || !(this.#waiters.remove(node) || this.#unbind(node.item))) return;
      this.#slots -= slots;
      reject(abortedError());
      onLeave();
    };
    signal.addEventListener('abort', onAbort, { once: true });
    const leave = () => signal.removeEventListener('abort', onAbort);
    node = this.#waiters.push({ slots, sinceMs: this.#clock.monotonic(), ahead, resolve, reject, leave });
    this.#slots += slots;
    return { promise, isWaiting: true };
  }

  /** Gives the first waiter its lease; `waiter` must be the first. */
  serve(waiter: Waiter, lease: Lease): void {
    this.#shift();
    waiter.resolve(lease);
  }

  /** Sends the call of the first waiter to this instance, which has been told to load the version; the waiter is then bound to it. */
  sendAhead(to: InstanceId, send: Parameters<OfferAhead>[0]): void {
    const waiter = this.first;
    if (this.#bound !== undefined || waiter?.ahead === undefined) return;
    const sent = send(waiter.ahead());
    if (sent === undefined) return;
    this.#waiters.shift();
    this.#bound = { waiter, to, sent };
  }

  /** Gives the waiter that is bound to this instance its lease, if one is. */
  serveBound(to: InstanceId, lease: (waiter: Waiter, sent: AheadCall) => Lease): void {
    const bound = this.#takeBound(to);
    bound?.waiter.resolve(lease(bound.waiter, bound.sent));
  }

  /** A boot failed: rejects who was bound to it, and of the others as many as it would have served. */
  rejectBoot(of: InstanceId, slots: number, error: PlatformError): void {
    const bound = this.#takeBound(of)?.waiter;
    bound?.reject(error);
    const left = slots - (bound?.slots ?? 0);
    if (left > 0) this.rejectSlots(left, error);
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
    const bound = this.#bound;
    if (bound !== undefined) {
      this.rejectBoot(bound.to, 0, error);
      bound.sent.cancel(error.message);
    }
    for (let waiter = this.first; waiter !== undefined; waiter = this.first) {
      this.#shift();
      waiter.reject(error);
    }
  }

  #takeBound(to: InstanceId): Bound | undefined {
    const bound = this.#bound;
    if (bound?.to !== to) return undefined;
    this.#bound = undefined;
    this.#left(bound.waiter);
    return bound;
  }

  /** It does not wait any more: its call must not run. False when it is not the one that is bound. */
  #unbind(waiter: Waiter): boolean {
    const bound = this.#bound;
    if (bound?.waiter !== waiter) return false;
    this.#bound = undefined;
    bound.sent.cancel(abortedError().message);
    return true;
  }

  #shift(): void {
    const waiter = this.#waiters.shift();
    if (waiter !== undefined) this.#left(waiter);
  }

  #left(waiter: Waiter): void {
    this.#slots -= waiter.slots;
    waiter.leave();
  }
}

function abortedError(): PlatformError {
  return new PlatformError('unavailable', 'acquire_aborted', 'the wait for an instance was given up');
}
