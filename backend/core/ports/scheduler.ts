import type { FunctionId, InvocationId } from '../../../shared/ids.ts';
import type { CancelSignal } from '../cancel-signal.ts';
import type { Invocation, InvocationReport, ResponseSink } from '../invocation.ts';
import type { NewAsyncInvocation } from './invocation-queue.ts';
import type { InvocationRecord } from './store.ts';

export interface SubmitResult {
  readonly id: InvocationId;
  /** An invocation with the same idempotency key was there already; `id` is its id. */
  readonly isDuplicate: boolean;
}

export interface SchedulerStats {
  readonly inFlight: number;
  /** Most invocations in flight, all functions together, and how many of these places functions have for themselves. */
  readonly places: number;
  readonly reserved: number;
  readonly queued: number;
  readonly asyncDepth: number;
  /** How long the invocation in the durable queue that was due first has waited; 0 where none is late. */
  readonly asyncOldestMs: number;
  /** Calls since the start that were counted and not recorded. */
  readonly recordsLeftOut: number;
}

/** Admission, dispatch, the durable queue and schedules. Gateway and API know nothing deeper than this. */
export interface Scheduler {
  start(): Promise<void>;
  /** Stops claiming and admitting (calls then fail with `unavailable`, code `draining`), waits for what runs until `deadlineAt`. */
  drain(deadlineAt: number): Promise<void>;
  /**
   * Runs one synchronous call. The response goes to `sink` as it is produced; resolves when it is over. Rejects only with
   * PlatformError `throttled` (`concurrency_limit` or `queue_full`, with retryAfterSeconds), `unavailable`, or `unprocessable`
   * (`recursion_limit`, `limit_not_enforced`), and then the sink was never touched. A call whose deadline passes before an instance
   * is free resolves with platform-fault `capacity`; a version that does not start is function-fault `init-failed` or `init-timeout`.
   * No database round trip happens before it resolves.
   */
  invoke(invocation: Invocation, sink: ResponseSink, signal: CancelSignal): Promise<InvocationReport>;
  /** Resolves when the invocation is on disk. */
  submit(item: NewAsyncInvocation): Promise<SubmitResult>;
  /** Schedules or functions have changed: look again what is due next. Returns at once. */
  schedulesChanged(): void;
  /** From now on these functions have so many places of the host for themselves, and all others none. Returns at once. */
  reserve(places: ReadonlyMap<FunctionId, number>): void;
  /** Cancels a queued invocation or aborts a running one; false when it is over or unknown. */
  cancel(id: InvocationId): Promise<boolean>;
  /**
   * Synchronous calls that run in an instance now, WebSockets included; what waits is not among them. They come into the store when they are
   * over, asynchronous ones are there already.
   */
  running(): readonly InvocationRecord[];
  /** The one of them with this id: the others are walked past, not described. */
  findRunning(id: string): InvocationRecord | undefined;
  /** When a call of one of these functions last went without a record, since too many were ordinary; undefined when none did since the start. */
  leftOutAt(isAsked: (functionName: string) => boolean): number | undefined;
  stats(): SchedulerStats;
}
