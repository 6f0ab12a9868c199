import { isColdStart } from '../../../shared/invocation.ts';
import type { MetricEvent } from '../../core/ports/metrics-sink.ts';
import { errorKindOf } from '../aggregator/error-kind.ts';
import { durationBounds } from '../collector/event-counters.ts';
import {
  cumulative,
  type HistogramPoint,
  type KeyValue,
  keyValues,
  type NumberPoint,
  type OtlpMetric,
  unixNano,
} from './otlp-json.ts';
import { faasTriggers, type InvocationEvent } from './spans.ts';

const MiB = 1_048_576;
const memoryBounds = [16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192].map((mb) => mb * MiB);
const sizeBounds = [256, 1024, 4096, 16_384, 65_536, 262_144, MiB, 4 * MiB, 16 * MiB, 64 * MiB];

class Histogram {
  readonly #bounds: readonly number[];
  readonly #counts: number[];
  #sum = 0;
  #count = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = new Array<number>(bounds.length + 1).fill(0);
  }

  /** What comes from inside a sandbox may be anything; only finite numbers from 0 on count. */
  add(value: number): void {
    if (!(value >= 0 && value < Number.POSITIVE_INFINITY)) return;
    let bucket = 0;
    while (bucket < this.#bounds.length && value > (this.#bounds[bucket] ?? 0)) bucket++;
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#sum += value;
    this.#count++;
  }

  point(common: Pick<HistogramPoint, 'attributes' | 'startTimeUnixNano' | 'timeUnixNano'>): HistogramPoint[] {
    if (this.#count === 0) return [];
    const bucketCounts = this.#counts.map(String);
    return [{ ...common, count: String(this.#count), sum: this.#sum, bucketCounts, explicitBounds: this.#bounds }];
  }
}

/** Of one version and trigger. */
class Series {
  readonly attributes: readonly KeyValue[];
  invocations = 0;
  errors = 0;
  timeouts = 0;
  coldStarts = 0;
  readonly invokeSeconds = new Histogram(durationBounds);
  readonly initSeconds = new Histogram(durationBounds);
  readonly cpuSeconds = new Histogram(durationBounds);
  readonly memoryBytes = new Histogram(memoryBounds);
  readonly networkBytes = new Histogram(sizeBounds);

  constructor(attributes: readonly KeyValue[]) {
    this.attributes = attributes;
  }

  add({ report }: InvocationEvent): void {
    const { timing, usage } = report;
    const kind = errorKindOf(report.outcome, report.httpStatus);
    this.invocations++;
    if (kind !== undefined) this.errors++;
    if (kind === 'timeout') this.timeouts++;
    if (isColdStart(report.start)) {
      this.coldStarts++;
      this.initSeconds.add((timing.bootMs + timing.loadMs + timing.initMs) / 1000);
    }
    this.invokeSeconds.add(timing.totalMs / 1000);
    this.cpuSeconds.add(usage.cpuMs / 1000);
    if (usage.peakMemoryBytes > 0) this.memoryBytes.add(usage.peakMemoryBytes);
    this.networkBytes.add(usage.requestBytes + usage.responseBytes);
  }
}

/**
 * Totals with the names of OpenTelemetry's semantic conventions for FaaS metrics (https://opentelemetry.io/docs/specs/semconv/faas/faas-metrics/). At most
 * `maxSeries` versions and triggers are told apart; what comes beyond counts under the name `other`.
 */
export class FaasMetrics {
  readonly #maxSeries: number;
  readonly #startedAt: number;
  readonly #series = new Map<string, Series>();

  constructor(options: { readonly maxSeries: number; readonly startedAt: number }) {
    this.#maxSeries = options.maxSeries;
    this.#startedAt = options.startedAt;
  }

  record(event: MetricEvent): void {
    if (event.kind === 'invocation') this.#seriesOf(event).add(event);
  }

  /** Empty while nothing has been called. */
  read(now: number): readonly OtlpMetric[] {
    const all = [...this.#series.values()];
    if (all.length === 0) return [];
    const times = { startTimeUnixNano: unixNano(this.#startedAt), timeUnixNano: unixNano(now) };
    const sum = (name: string, unit: string, description: string, of: (series: Series) => number): OtlpMetric => ({
      name,
      unit,
      description,
      sum: {
        dataPoints: all.map(
          (series): NumberPoint => ({ ...times, attributes: series.attributes, asInt: String(of(series)) }),
        ),
        aggregationTemporality: cumulative,
        isMonotonic: true,
      },
    });
    const histogram = (name: string, unit: string, description: string, of: (series: Series) => Histogram) => {
      const dataPoints = all.flatMap((series) => of(series).point({ ...times, attributes: series.attributes }));
      return dataPoints.length === 0
        ? []
        : [{ name, unit, description, histogram: { dataPoints, aggregationTemporality: cumulative } }];
    };
    return [
      sum('faas.invocations', '{invocation}', 'Finished attempts.', (series) => series.invocations),
      sum('faas.errors', '{error}', 'Attempts that failed.', (series) => series.errors),
      sum('faas.timeouts', '{timeout}', 'Attempts that ran into their time limit.', (series) => series.timeouts),
      sum('faas.coldstarts', '{coldstart}', 'Attempts that waited for a start.', (series) => series.coldStarts),
      ...histogram('faas.invoke_duration', 's', 'What the caller waited, in all.', (series) => series.invokeSeconds),
      ...histogram('faas.init_duration', 's', 'Cold starts: boot, load and init.', (series) => series.initSeconds),
      ...histogram('faas.cpu_usage', 's', 'CPU time of an attempt.', (series) => series.cpuSeconds),
      ...histogram('faas.mem_usage', 'By', 'Highest memory during an attempt.', (series) => series.memoryBytes),
      ...histogram('faas.net_io', 'By', 'Bytes of request and response.', (series) => series.networkBytes),
    ];
  }

  #seriesOf({ version, trigger }: InvocationEvent): Series {
    const key = `${version.functionName}/${version.version}/${trigger}`;
    const known = this.#series.get(key);
    if (known !== undefined) return known;
    const isFull = this.#series.size >= this.#maxSeries;
    const name = isFull ? 'other' : version.functionName;
    const others = isFull ? this.#series.get('other') : undefined;
    if (others !== undefined) return others;
    const series = new Series(
      keyValues(
        isFull
          ? { 'faas.name': name }
          : { 'faas.name': name, 'faas.version': String(version.version), 'faas.trigger': faasTriggers[trigger] },
      ),
    );
    this.#series.set(isFull ? 'other' : key, series);
    return series;
  }
}
