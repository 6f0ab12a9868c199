import type { InvocationId } from '../../shared/ids.ts';
import type { Invocation, InvocationReport, ResponseSink } from '../core/invocation.ts';
import { requestOf } from '../core/kept-request.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Claim } from '../core/ports/invocation-queue.ts';
import type { VersionSpec } from '../core/version.ts';
import type { FunctionLoad } from './admission.ts';
import { KeptBody } from './kept-body.ts';
import type { Run } from './run.ts';

export interface AsyncRunOptions {
  readonly claim: Claim;
  readonly version: VersionSpec;
  readonly clock: Clock;
  readonly maxResultBytes: number;
  readonly onFinished: (run: AsyncRun, report: InvocationReport) => void;
}

/** One attempt of an asynchronous invocation. Its time limit begins when an instance is there, not while it waits. */
export class AsyncRun implements Run {
  readonly claim: Claim;
  readonly version: VersionSpec;
  readonly enteredMs: number;
  /** Its deadline begins when it has its instance. */
  readonly mayTravelAhead = false;
  readonly hasStreamingBody = false;
  load: FunctionLoad | undefined;
  admittedMs: number;
  /** Somebody asked for its end. */
  isCancelled = false;
  /** Another process may run it by now: what comes of it here does not count. */
  isLost = false;
  /** When the lease ends unless it is extended. */
  leaseEndsAt: number;
  readonly #options: AsyncRunOptions;
  readonly #kept: KeptBody;
  readonly #abort = new AbortController();

  constructor(options: AsyncRunOptions) {
    this.#options = options;
    this.claim = options.claim;
    this.leaseEndsAt = options.claim.leaseExpiresAt;
    this.version = options.version;
    const { clock, claim } = options;
    this.admittedMs = clock.monotonic();
    // It waits since it was due: the first time, or for this attempt.
    this.enteredMs = this.admittedMs - Math.max(0, clock.now() - claim.item.runAt);
    this.#kept = new KeptBody({
      maxBytes: options.maxResultBytes,
      next: undefined,
      leavesOutCredentials: claim.item.request !== undefined,
    });
  }

  get id(): InvocationId {
    return this.claim.item.id;
  }

  get sink(): ResponseSink {
    return this.#kept;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get bodyBytes(): number {
    return this.claim.item.payload.length;
  }

  get waitUntilAt(): number {
    return this.claim.item.expiresAt;
  }

  /** JSON text of the result, if it is kept. */
  get result(): Buffer | undefined {
    return this.#kept.json();
  }

  abort(reason: string): void {
    this.#abort.abort(reason);
  }

  invocation(): Invocation {
    const { item, attempt } = this.claim;
    return {
      id: item.id,
      version: this.version,
      qualifier: item.qualifier,
      trigger: item.trigger,
      request: item.request === undefined ? { kind: 'event', body: item.payload } : requestOf(item.request),
      acceptedAt: item.acceptedAt,
      enteredAt: this.enteredMs,
      deadlineAt: this.#options.clock.now() + this.version.config.timeoutMs,
      attempt,
      traceparent: item.traceparent,
      depth: item.depth,
      replayOf: item.replayOf,
    };
  }

  finished(report: InvocationReport): void {
    this.#options.onFinished(this, report);
  }

  refused(): void {
    // The dispatcher sees the rejection.
  }
}
