import type { InvocationId } from '../../shared/ids.ts';
import { errorOfOutcome, statusOfOutcome } from '../../shared/invocation.ts';
import type { CancelSignal } from '../core/cancel-signal.ts';
import type { Invocation, InvocationReport, ResponseSink } from '../core/invocation.ts';
import type { RunningCall } from '../core/ports/instance-pool.ts';
import type { InvocationPayload, InvocationRecord } from '../core/ports/store.ts';
import type { VersionSpec } from '../core/version.ts';
import type { FunctionLoad } from './admission.ts';
import { KeptBody } from './kept-body.ts';
import { withoutAnswer } from './reports.ts';
import type { Run } from './run.ts';

export interface SyncRunOptions {
  readonly invocation: Invocation;
  readonly sink: ResponseSink;
  readonly signal: CancelSignal;
  readonly nowMs: number;
  /** API calls are recorded with what went in and out, up to this size each. */
  readonly maxRecordedBytes: number;
  readonly onFinished: (run: SyncRun, report: InvocationReport) => void;
  readonly onRefused: (run: SyncRun) => void;
}

/** A synchronous call. */
export class SyncRun implements Run {
  readonly sink: ResponseSink;
  readonly signal: CancelSignal;
  readonly enteredMs: number;
  readonly mayTravelAhead = true;
  load: FunctionLoad | undefined;
  admittedMs: number;
  readonly #options: SyncRunOptions;

  constructor(options: SyncRunOptions) {
    this.#options = options;
    const { invocation, sink, maxRecordedBytes } = options;
    this.sink = keepsBodies(invocation) ? new KeptBody({ maxBytes: maxRecordedBytes, next: sink }) : sink;
    this.signal = options.signal;
    this.enteredMs = invocation.enteredAt;
    this.admittedMs = options.nowMs;
  }

  get id(): InvocationId {
    return this.#options.invocation.id;
  }

  get version(): VersionSpec {
    return this.#options.invocation.version;
  }

  get waitUntilAt(): number {
    const { acquireBy, deadlineAt } = this.#options.invocation;
    return acquireBy === undefined ? deadlineAt : Math.min(acquireBy, deadlineAt);
  }

  get hasStreamingBody(): boolean {
    return !Buffer.isBuffer(this.#options.invocation.request.body);
  }

  get bodyBytes(): number {
    const { body } = this.#options.invocation.request;
    return Buffer.isBuffer(body) ? body.length : 0;
  }

  invocation(): Invocation {
    return this.#options.invocation;
  }

  finished(report: InvocationReport): void {
    this.#options.onFinished(this, report);
  }

  refused(): void {
    this.#options.onRefused(this);
  }

  /** What is kept of the bodies, or undefined. */
  payload(): InvocationPayload | undefined {
    const { invocation, maxRecordedBytes } = this.#options;
    if (!(this.sink instanceof KeptBody) || invocation.request.kind !== 'event') return undefined;
    const { body } = invocation.request;
    return { payload: body.length <= maxRecordedBytes ? body : undefined, result: this.sink.json() };
  }
}

function keepsBodies(invocation: Invocation): boolean {
  return invocation.trigger !== 'http' && invocation.request.kind === 'event';
}

/** The record of a synchronous invocation that is over. */
export function recordOf(invocation: Invocation, report: InvocationReport, finishedAt: number): InvocationRecord {
  const { version } = invocation;
  const { timing } = report;
  const waitedMs = timing.queuedMs + timing.acquireMs;
  return {
    id: invocation.id,
    functionId: version.functionId,
    functionName: version.functionName,
    version: version.version,
    qualifier: invocation.qualifier,
    trigger: invocation.trigger,
    status: statusOfOutcome(report.outcome),
    start: report.start,
    attempts: invocation.attempt,
    createdAt: invocation.acceptedAt,
    startedAt: report.instanceId === undefined ? undefined : Math.round(invocation.acceptedAt + waitedMs),
    finishedAt,
    httpStatus: report.httpStatus,
    timing,
    usage: report.usage,
    error: errorOfOutcome(report.outcome),
    instanceId: report.instanceId,
    traceparent: invocation.traceparent,
    nextAttemptAt: undefined,
    replayOf: invocation.replayOf,
  };
}

/** What is known of a synchronous invocation while it runs. */
export function recordOfRunning({ invocation, instanceId, startedMs }: RunningCall): InvocationRecord {
  const untilNow = { ...withoutAnswer(invocation, { kind: 'success' }, startedMs), instanceId };
  const unknown = { finishedAt: undefined, httpStatus: undefined, timing: undefined, usage: undefined };
  return { ...recordOf(invocation, untilNow, 0), ...unknown, status: 'running' };
}
