import type { VersionId } from '../../../shared/ids.ts';
import {
  type InvocationOutcome,
  isColdStart,
  isStartLayer,
  type StartLayer,
  type TriggerKind,
  triggerKinds,
} from '../../../shared/invocation.ts';
import type { InvocationReport } from '../../core/invocation.ts';
import type { BuildOutcome, MetricEvent } from '../../core/ports/metrics-sink.ts';
import { type IoUsage, ioFields } from '../../core/ports/sandbox.ts';
import type { VersionSpec } from '../../core/version.ts';
import { errorKindOf } from '../aggregator/error-kind.ts';

/** Seconds; the advice of OpenTelemetry's semantic conventions for FaaS durations. */
export const durationBounds = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10] as const;
export const outcomeKinds = ['success', 'function-error', 'function-fault', 'platform-fault', 'cancelled'] as const;

/** Calls in a batch: powers of two up to the most that a function may ask for. */
const batchSizeBounds = [1, 2, 4, 8, 16, 32, 64, 128, 256] as const;
/** Seconds: windows of batches are milliseconds. */
const batchWaitBounds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1] as const;

/** Counts per bound (the last: above all), not cumulated. */
export class Histogram {
  readonly bounds: readonly number[];
  readonly counts: number[];
  sum = 0;
  count = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Array<number>(bounds.length + 1).fill(0);
  }

  add(value: number): void {
    const counted = finite(value);
    let bucket = 0;
    while (bucket < this.bounds.length && counted > (this.bounds[bucket] ?? 0)) bucket++;
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1;
    this.sum += counted;
    this.count++;
  }
}

class DurationHistogram extends Histogram {
  constructor(bounds: readonly number[] = durationBounds) {
    super(bounds);
  }

  addMs(ms: number): void {
    this.add(ms / 1000);
  }
}

/** Of one version, since the process started. */
export class VersionCounters {
  readonly functionName: string;
  readonly version: string;
  /** At `statusIndex * triggerKinds.length + triggerIndex`. */
  readonly invocations: number[] = new Array<number>(outcomeKinds.length * triggerKinds.length).fill(0);
  readonly errors = new Map<string, number>();
  readonly starts = new Map<StartLayer, number>();
  readonly duration = new DurationHistogram();
  readonly queueWait = new DurationHistogram();
  readonly init = new DurationHistogram();
  readonly batchSize = new Histogram(batchSizeBounds);
  readonly batchWait = new DurationHistogram(batchWaitBounds);
  /** Calls that were answered with the response of another one. */
  sharedCalls = 0;
  cpuMs = 0;
  requestBytes = 0;
  responseBytes = 0;
  networkReceivedBytes = 0;
  networkSentBytes = 0;
  diskReadBytes = 0;
  diskWrittenBytes = 0;

  constructor(functionName: string, version: string) {
    this.functionName = functionName;
    this.version = version;
  }

  add(trigger: TriggerKind, report: InvocationReport): void {
    const { timing, usage } = report;
    const slot = statusIndexOf(report.outcome) * triggerKinds.length + triggerKinds.indexOf(trigger);
    this.invocations[slot] = (this.invocations[slot] ?? 0) + 1;
    const errorKind = errorKindOf(report.outcome, report.httpStatus);
    if (errorKind !== undefined) this.errors.set(errorKind, (this.errors.get(errorKind) ?? 0) + 1);
    this.duration.addMs(timing.totalMs);
    this.queueWait.addMs(timing.queuedMs);
    if (isStartLayer(report.start)) this.starts.set(report.start, (this.starts.get(report.start) ?? 0) + 1);
    if (isColdStart(report.start)) this.init.addMs(timing.bootMs + timing.loadMs + timing.initMs);
    this.cpuMs += finite(usage.cpuMs);
    this.requestBytes += finite(usage.requestBytes);
    this.responseBytes += finite(usage.responseBytes);
  }

  addIo(io: IoUsage): void {
    for (const field of ioFields) this[field] += finite(io[field]);
  }
}

const other = 'other';
const separator = '\u0000';

/** Counts by a few label values, at most `maxKeys` combinations; what exceeds them counts under `other`, so sums stay exact. */
export class LabelledCounter {
  readonly #counts = new Map<string, number>();
  readonly #maxKeys: number;

  constructor(maxKeys: number) {
    this.#maxKeys = maxKeys;
  }

  add(...labels: readonly string[]): void {
    const key = labels.join(separator);
    const known = this.#counts.has(key) || this.#counts.size < this.#maxKeys;
    const counted = known ? key : labels.map(() => other).join(separator);
    this.#counts.set(counted, (this.#counts.get(counted) ?? 0) + 1);
  }

  *entries(): Generator<readonly [labels: readonly string[], count: number]> {
    for (const [key, count] of this.#counts) yield [key.split(separator), count];
  }
}

/**
 * Totals since the process started, for Prometheus: exact, never going down, at most `maxSeries` versions. Versions beyond
 * that share one with the function name `other`.
 */
export class EventCounters {
  readonly #maxSeries: number;
  readonly #versions = new Map<VersionId, VersionCounters>();
  /** A function that is deleted and made anew has new ids but the same labels, and a label set may come only once. */
  readonly #byLabels = new Map<string, VersionCounters>();
  readonly #other = new VersionCounters(other, '0');
  readonly throttles: LabelledCounter;
  readonly refusals: LabelledCounter;
  readonly retries: LabelledCounter;
  readonly deadLetters: LabelledCounter;
  readonly lateResults: LabelledCounter;
  readonly instanceChanges: LabelledCounter;
  readonly egressRefusals: LabelledCounter;
  readonly builds: Readonly<Record<BuildOutcome, DurationHistogram>> = {
    success: new DurationHistogram(),
    failure: new DurationHistogram(),
    cancelled: new DurationHistogram(),
  };

  constructor(maxSeries: number) {
    this.#maxSeries = maxSeries;
    this.throttles = new LabelledCounter(maxSeries);
    this.refusals = new LabelledCounter(maxSeries);
    this.retries = new LabelledCounter(maxSeries);
    this.deadLetters = new LabelledCounter(maxSeries);
    this.lateResults = new LabelledCounter(maxSeries);
    this.instanceChanges = new LabelledCounter(256);
    this.egressRefusals = new LabelledCounter(maxSeries);
  }

  addInvocation(version: VersionSpec, trigger: TriggerKind, report: InvocationReport): void {
    this.#of(version).add(trigger, report);
  }

  add(event: Exclude<MetricEvent, { kind: 'invocation' | 'instance-memory' }>): void {
    switch (event.kind) {
      case 'throttle':
        this.throttles.add(event.functionName, event.limit);
        break;
      case 'refusal':
        this.refusals.add(event.functionName, event.reason);
        break;
      case 'retry':
        this.retries.add(event.functionName);
        break;
      case 'dead-letter':
        this.deadLetters.add(event.functionName);
        break;
      case 'late-result':
        this.lateResults.add(event.functionName);
        break;
      case 'instance':
        this.instanceChanges.add(event.isolation, event.runtime, event.to);
        break;
      case 'instance-io':
        this.#of(event.version).addIo(event.io);
        break;
      case 'egress-refused':
        this.egressRefusals.add(event.version.functionName, event.reason);
        break;
      case 'batch': {
        const { batchSize, batchWait } = this.#of(event.version);
        batchSize.add(event.size);
        batchWait.addMs(event.waitMs);
        break;
      }
      case 'shared-call':
        this.#of(event.version).sharedCalls++;
        break;
      case 'build':
        this.builds[event.outcome].addMs(event.tookMs);
        break;
    }
  }

  *versions(): Generator<VersionCounters> {
    yield* this.#byLabels.values();
    if (this.#other.duration.count > 0) yield this.#other;
  }

  #of(version: VersionSpec): VersionCounters {
    return this.#versions.get(version.versionId) ?? this.#open(version);
  }

  #open({ versionId, functionName, version }: VersionSpec): VersionCounters {
    const labels = `${functionName}/${version}`;
    const known = this.#byLabels.get(labels);
    if (known === undefined && this.#byLabels.size >= this.#maxSeries) return this.#other;
    const counters = known ?? new VersionCounters(functionName, String(version));
    this.#byLabels.set(labels, counters);
    // Ids of versions long gone would gather here; forgetting them costs the living one look-up by labels.
    if (this.#versions.size >= 2 * this.#maxSeries) this.#versions.clear();
    this.#versions.set(versionId, counters);
    return counters;
  }
}

function statusIndexOf(outcome: InvocationOutcome): number {
  return outcomeKinds.indexOf(outcome.kind);
}

/** Numbers from inside a sandbox may be anything; one NaN would spoil a total for ever, and a negative one make it go down. */
function finite(value: number): number {
  return value > 0 && value < Number.POSITIVE_INFINITY ? value : 0;
}
