import type { InvocationOutcome } from '../../shared/invocation.ts';
import { Cancellation, type CancelSignal, cancelMessage } from '../core/cancel-signal.ts';
import type { Invocation, InvocationReport, ResponseHead, ResponseSink, SeenResponse } from '../core/invocation.ts';
import { isForEverybody } from '../core/policies/call-identity.ts';
import type { Clock } from '../core/ports/clock.ts';
import { answeredByAnother, withoutAnswer } from './reports.ts';

/** Runs a call by itself, as `Scheduler.invoke` does. */
export type RunCall = (invocation: Invocation, sink: ResponseSink, signal: CancelSignal) => Promise<InvocationReport>;

export interface FlightOptions {
  /** The call that the others are the same as. */
  readonly first: Invocation;
  readonly clock: Clock;
  readonly run: RunCall;
  /** A call of the flight was answered with the response of another. */
  readonly onShared: () => void;
  /** Takes nobody any more: the next call that is the same begins another flight. */
  readonly onClosed: () => void;
}

interface Waiter {
  readonly invocation: Invocation;
  readonly sink: ResponseSink;
  readonly signal: CancelSignal;
  readonly resolve: (report: InvocationReport | Promise<InvocationReport>) => void;
  readonly reject: (error: unknown) => void;
  /** Stops its deadline and its signal. */
  stopWaiting: () => void;
}

/** A response that is larger is not held for several, but goes to one as it comes. */
const maxSharedBytes = 256 * 1024;
/** So is one that is not complete so long after its head. */
const maxOpenMs = 25;
/** Waiting for another call is not bounded by the queues of admission. */
const maxWaiters = 1000;

/**
 * One invocation for all who make the same call while it runs. Its response is held until it is complete, and goes to everybody then. One that
 * is not for everybody, too large, or a stream goes to the first who still waits, as it is produced; the others run on their own.
 * Who leaves, leaves alone; the invocation is cancelled when nobody is left.
 */
export class Flight implements ResponseSink {
  readonly #options: FlightOptions;
  readonly #waiters = new Set<Waiter>();
  readonly #cancellation = new Cancellation();
  readonly #deadlineAt: number;
  #isOpen = true;
  #head: ResponseHead | undefined;
  #held: Buffer[] = [];
  #heldBytes = 0;
  #cancelTimer: (() => void) | undefined;
  /** Who has the response for itself. */
  #owner: Waiter | undefined;

  constructor(options: FlightOptions) {
    this.#options = options;
    const { acceptedAt, version } = options.first;
    // Not the first caller's own, which a chain of calls may have shortened: the others may have more time.
    this.#deadlineAt = acceptedAt + version.config.timeoutMs;
  }

  /** Begins the invocation; call it once, after the first has joined. */
  start(): void {
    const { first, run } = this.#options;
    run({ ...first, deadlineAt: this.#deadlineAt }, this, this.#cancellation).then(
      (report) => this.#finish(report),
      (error: unknown) => this.#fail(error),
    );
  }

  /** The report of this call, whose response goes to `sink`. */
  join(invocation: Invocation, sink: ResponseSink, signal: CancelSignal): Promise<InvocationReport> {
    const { promise, resolve, reject } = Promise.withResolvers<InvocationReport>();
    const waiter: Waiter = { invocation, sink, signal, resolve, reject, stopWaiting: () => undefined };
    this.#waiters.add(waiter);
    if (this.#waiters.size >= maxWaiters) this.#close();
    this.#watch(waiter);
    return promise;
  }

  head(head: ResponseHead): void {
    this.#head = head;
    if (!isForEverybody(head, this.#options.first.version.config.singleFlight)) void this.#giveToOne();
    else this.#cancelTimer = this.#options.clock.after(maxOpenMs, () => void this.#giveToOne());
  }

  chunk(data: Buffer): Promise<void> | undefined {
    if (this.#owner !== undefined) return this.#owner.sink.chunk(data);
    // Everybody left: the invocation is being cancelled.
    if (this.#waiters.size === 0) return undefined;
    this.#held.push(data);
    this.#heldBytes += data.length;
    return this.#heldBytes > maxSharedBytes ? this.#giveToOne() : undefined;
  }

  seen(): SeenResponse | undefined {
    if (this.#owner !== undefined) return this.#owner.sink.seen?.();
    return this.#head && { head: this.#head, body: this.#held[0] };
  }

  /** The response goes to the first who waits, as it comes; the promise is that of its sink. */
  #giveToOne(): Promise<void> | undefined {
    this.#close();
    const [owner, ...others] = this.#waiters;
    const head = this.#head;
    if (owner === undefined || head === undefined) return undefined;
    this.#owner = owner;
    for (const waiter of others) {
      this.#forget(waiter);
      waiter.resolve(this.#options.run(waiter.invocation, waiter.sink, waiter.signal));
    }
    owner.sink.head(head);
    let isFull: Promise<void> | undefined;
    for (const data of this.#held.splice(0)) isFull = owner.sink.chunk(data) ?? isFull;
    return isFull;
  }

  #finish(report: InvocationReport): void {
    this.#close();
    const body = this.#held.length > 1 ? Buffer.concat(this.#held) : this.#held[0];
    for (const waiter of [...this.#waiters]) {
      this.#forget(waiter);
      if (waiter !== this.#owner && this.#head !== undefined) {
        waiter.sink.head(this.#head);
        if (body !== undefined) void waiter.sink.chunk(body);
      }
      waiter.resolve(this.#reportFor(waiter, report));
    }
  }

  /** Its own for the one that ran; the others are told whose it is. */
  #reportFor({ invocation }: Waiter, report: InvocationReport): InvocationReport {
    const { first, clock, onShared } = this.#options;
    if (invocation === first) return report;
    onShared();
    return answeredByAnother(invocation, first.id, report, clock.monotonic());
  }

  #fail(error: unknown): void {
    this.#close();
    for (const waiter of [...this.#waiters]) {
      this.#forget(waiter);
      waiter.reject(error);
    }
  }

  #watch(waiter: Waiter): void {
    const { signal, invocation } = waiter;
    const { clock } = this.#options;
    const leave = () => this.#leave(waiter, { kind: 'cancelled', message: cancelMessage(signal) });
    signal.addEventListener('abort', leave, { once: true });
    // Whoever has as much time as the invocation hears of its end from the invocation itself.
    const cancelTimer =
      invocation.deadlineAt < this.#deadlineAt
        ? clock.after(invocation.deadlineAt - clock.now(), () => this.#leave(waiter, timedOut))
        : undefined;
    waiter.stopWaiting = () => {
      cancelTimer?.();
      signal.removeEventListener('abort', leave);
    };
    if (signal.aborted) leave();
  }

  #leave(waiter: Waiter, outcome: InvocationOutcome): void {
    if (!this.#waiters.has(waiter)) return;
    this.#forget(waiter);
    if (this.#waiters.size === 0) {
      this.#close();
      this.#cancellation.abort(outcome.kind === 'cancelled' ? waiter.signal.reason : timedOut.message);
    }
    waiter.resolve(withoutAnswer(waiter.invocation, outcome, this.#options.clock.monotonic()));
  }

  #forget(waiter: Waiter): void {
    this.#waiters.delete(waiter);
    waiter.stopWaiting();
  }

  #close(): void {
    this.#cancelTimer?.();
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#options.onClosed();
  }
}

const timedOut = {
  kind: 'function-fault',
  fault: 'timeout',
  message: 'the function did not answer before the deadline of the call',
} as const;
