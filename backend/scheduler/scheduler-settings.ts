import { limits } from '../../shared/limits.ts';

export interface SchedulerSettings {
  /** Invocations in flight, all functions together. */
  readonly maxConcurrentInvocations: number;
  /** Synchronous calls that may wait for admission, per function and in all. */
  readonly maxQueuedPerFunction: number;
  readonly maxQueued: number;
  /** Asynchronous invocations claimed at the same time. */
  readonly asyncConcurrency: number;
  /** How long a claim is ours without a sign of life; it is renewed every third of it. */
  readonly leaseMs: number;
  /** A result larger than this is not kept with its asynchronous invocation. */
  readonly maxStoredResultBytes: number;
  /** Payload and result of a synchronous API call are recorded up to this size each. */
  readonly maxRecordedBytes: number;
  /** Ordinary calls over HTTP that are recorded in a second; 0: every one. See RecordBudget. */
  readonly recordsPerSecond: number;
  readonly maxCallDepth: number;
  /** A tick at most this late counts as on time. */
  readonly tickGraceMs: number;
  /** Wall clocks jump: the next tick is looked for at least this often. */
  readonly tickCheckMs: number;
}

/** Everything that does not depend on the operator. */
export const defaultSchedulerSettings = {
  maxConcurrentInvocations: 1000,
  maxQueuedPerFunction: 1000,
  maxQueued: 10_000,
  asyncConcurrency: 50,
  leaseMs: 15_000,
  maxStoredResultBytes: limits.maxAsyncPayloadBytes,
  maxRecordedBytes: 65_536,
  recordsPerSecond: 0,
  maxCallDepth: limits.maxCallDepth,
  tickGraceMs: 15_000,
  tickCheckMs: 10_000,
} as const satisfies SchedulerSettings;
