import type { FunctionStats } from '../../../shared/api/functions.ts';
import type { GaugeSeries, Gauges, Histogram, HistogramField, LiveTick, Metrics } from '../../../shared/api/metrics.ts';
import { hourMs, minuteMs, secondMs } from '../../../shared/durations.ts';
import { gaugeValues } from '../../../shared/gauge-values.ts';
import type { FunctionId } from '../../../shared/ids.ts';
import type { VersionTotals } from '../../core/policies/cost.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { MetricsReader, SeriesQuery } from '../../core/ports/metrics-reader.ts';
import type { MetricEvent, MetricsSink } from '../../core/ports/metrics-sink.ts';
import type { Store } from '../../core/ports/store.ts';
import { FunctionStatsReader } from '../aggregator/function-stats.ts';
import { RecentSeconds } from '../aggregator/recent-seconds.ts';
import { RollUp } from '../aggregator/roll-up.ts';
import { SeriesReader } from '../aggregator/series-reader.ts';
import { slotMs } from '../aggregator/steps.ts';
import { EventCounters } from './event-counters.ts';
import { type GaugeSources, readGauges } from './gauges.ts';
import { LiveTicks } from './live-ticks.ts';
import { type ClosedSeries, LiveWindows } from './live-windows.ts';
import { queryGauges, queryHistogram, querySeries, queryTotals } from './queries.ts';
import type { RetentionTarget } from './retention.ts';
import { SlotWriter } from './slot-writer.ts';

/** How long each resolution is kept. */
export interface MetricRetention {
  readonly secondsMs: number;
  readonly slotsMs: number;
  readonly minutesMs: number;
  readonly hoursMs: number;
}
const defaultMetricRetention: MetricRetention = {
  secondsMs: 15 * minuteMs,
  slotsMs: 6 * hourMs,
  minutesMs: 7 * 24 * hourMs,
  hoursMs: 90 * 24 * hourMs,
};

export interface MetricsCollectorOptions {
  readonly store: Pick<Store, 'metricPoints'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly gauges: GaugeSources;
  /** For throttles and refusals, which carry a name only; undefined for a name that is not known. */
  readonly functionIdOf: (functionName: string) => FunctionId | undefined;
  /** 10,000 when left out. */
  readonly flushIntervalMs?: number;
  readonly retention?: MetricRetention;
  /** Versions told apart at a time; 2,000 when left out. */
  readonly maxSeries?: number;
  /** Memory for steps of a second; 64 MiB when left out. */
  readonly maxRecentBytes?: number;
  /** Points kept while the store fails; 20,000 when left out. */
  readonly maxPendingPoints?: number;
}

/**
 * Takes the facts, adds them up per version and second, stores them per 10 s, rolls them up, and answers from all of it.
 *
 * 1. `record` adds to the current second of the version and to the totals for Prometheus.
 * 1a. `gauges` are looked at once a second, for a series of their own.
 * 2. When a second ends, it goes encoded to the recent seconds and is merged into its slot of 10 s.
 * 3. Every flush interval slots are stored, then minutes and hours that are complete are rolled up.
 */
export class MetricsCollector implements MetricsSink, MetricsReader {
  readonly #options: MetricsCollectorOptions;
  readonly #retention: MetricRetention;
  readonly #flushIntervalMs: number;
  readonly #windows: LiveWindows;
  readonly #recent: RecentSeconds;
  readonly #slots: SlotWriter;
  readonly #minutes: RollUp;
  readonly #hours: RollUp;
  readonly #reader: SeriesReader;
  readonly #stats: FunctionStatsReader;
  readonly #ticks: LiveTicks;
  /** Totals since the start, for Prometheus. */
  readonly counters: EventCounters;
  readonly #closing = new AbortController();
  #cancelTimer: (() => void) | undefined;
  #isStarted = false;
  #flushedAt: number;
  #isFlushing = false;
  #storing: Promise<void> = Promise.resolve();

  constructor(options: MetricsCollectorOptions) {
    this.#options = options;
    const { clock, logger, store, maxSeries = 2_000 } = options;
    const now = clock.now();
    this.#retention = options.retention ?? defaultMetricRetention;
    this.#flushIntervalMs = options.flushIntervalMs ?? slotMs;
    this.#flushedAt = clock.monotonic();
    this.counters = new EventCounters(maxSeries);
    const maxBytes = options.maxRecentBytes ?? 64 * 1024 * 1024;
    this.#recent = new RecentSeconds({ keepMs: this.#retention.secondsMs, maxBytes }, now);
    const onClosed = (at: number, series: readonly ClosedSeries[]) => this.#onSecondClosed(at, series);
    this.#windows = new LiveWindows({ maxSeries, idleMs: 5 * minuteMs, onClosed }, now);
    const points = store.metricPoints;
    const { maxPendingPoints = 20_000 } = options;
    const onWrite = (at: number) => this.#stats.forgetSlotsFrom(at);
    this.#slots = new SlotWriter({ store: points, clock, logger, maxPendingPoints, onWrite });
    this.#minutes = new RollUp({ store: points, logger, sourceStepMs: slotMs, stepMs: minuteMs });
    this.#hours = new RollUp({ store: points, logger, sourceStepMs: minuteMs, stepMs: hourMs });
    this.#reader = new SeriesReader({
      store: points,
      logger,
      live: {
        open: (ids, version) => this.#windows.open(ids, version),
        seconds: (id, version, from, to) => this.#recent.read(id, version, from, to),
        slots: (ids, version, from, to) => this.#slots.read(ids, version, from, to),
        readBases: () => this.#slots.readBases(),
        rolledUpUntil: (stepMs) => (stepMs === minuteMs ? this.#minutes : this.#hours).doneUntil,
      },
    });
    this.#stats = new FunctionStatsReader({
      store: points,
      reader: this.#reader,
      logger,
      minutesUntil: () => this.#minutes.doneUntil,
      slotsUntil: () => this.#slots.storedUntil(this.#windows.secondAt),
    });
    this.#ticks = new LiveTicks({ logger, gauges: (project) => this.gauges(project) });
  }

  /** Begins to close seconds and to store; what was left to roll up by an earlier process is taken up in the background. */
  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.#arm();
    this.#flushInBackground();
  }

  record(event: MetricEvent): void {
    try {
      if (event.kind === 'invocation') {
        this.counters.addInvocation(event.version, event.trigger, event.report);
        this.#windows.addInvocation(event.at, event.version, event.report);
        return;
      }
      if (event.kind === 'instance-memory') {
        this.#windows.addMemory(event.at, event.version, event.bytes);
        return;
      }
      this.counters.add(event);
      if (event.kind === 'instance-io') this.#windows.addIo(event.at, event.version, event.io);
      if (event.kind === 'batch') this.#windows.addBatch(event.at, event.version, event.size, event.waitMs);
      if (event.kind === 'shared-call') this.#windows.addSharedCall(event.at, event.version);
      if (event.kind === 'throttle') {
        this.#windows.addThrottle(event.at, this.#options.functionIdOf(event.functionName), event.functionName);
      }
      if (event.kind === 'refusal') {
        this.#windows.addRefusal(event.at, this.#options.functionIdOf(event.functionName), event.functionName);
      }
    } catch (error) {
      // A sink never breaks the call that it measures.
      this.#options.logger.error({ err: error, kind: event.kind }, 'a metric event could not be counted');
    }
  }

  /** Stores everything up to now. Does not reject: what could not be stored stays, is tried again and is logged. */
  async flush(): Promise<void> {
    this.#windows.closeSecond();
    await this.#store();
  }

  series(query: SeriesQuery): Promise<Metrics> {
    return querySeries(this.#reader, query, this.#availability());
  }

  histogram(query: SeriesQuery, field: HistogramField): Promise<Histogram> {
    return queryHistogram(this.#reader, query, field, this.#availability());
  }

  gaugeSeries(query: Pick<SeriesQuery, 'from' | 'to' | 'stepMs'>): Promise<GaugeSeries> {
    return queryGauges(this.#reader, query, this.#availability());
  }

  totals(
    ids: readonly FunctionId[],
    from: number,
    to: number,
  ): Promise<ReadonlyMap<FunctionId, readonly VersionTotals[]>> {
    return queryTotals(this.#reader, ids, { from, to }, this.#availability());
  }

  functionStats(ids: readonly FunctionId[], windowMs: number): Promise<ReadonlyMap<FunctionId, FunctionStats>> {
    return this.#stats.read(ids, windowMs, this.#options.clock.now());
  }

  gauges(project?: string): Gauges {
    return readGauges(this.#options.gauges, this.#options.clock.now(), project);
  }

  subscribe(listener: (tick: LiveTick) => void, project?: string): () => void {
    this.#windows.advance(this.#options.clock.now());
    return this.#ticks.subscribe(listener, project);
  }

  /** Numbers about the collector itself, for Prometheus. */
  get health(): { readonly overflow: number; readonly droppedPoints: number; readonly storeFailures: number } {
    const { droppedPoints, failures } = this.#slots;
    return { overflow: this.#windows.overflow, droppedPoints, storeFailures: failures };
  }

  /** What may be deleted by age. Points that are not rolled up yet are never among it. */
  retentionTargets(): readonly RetentionTarget[] {
    const { metricPoints } = this.#options.store;
    const target = (name: string, stepMs: number, keepMs: number, rolledUp: () => number): RetentionTarget => ({
      name,
      prune: (now) => metricPoints.prune(stepMs, Math.min(now - keepMs, rolledUp())),
    });
    return [
      target('metric points of 10 s', slotMs, this.#retention.slotsMs, () => this.#minutes.doneUntil),
      target('metric points of a minute', minuteMs, this.#retention.minutesMs, () => this.#hours.doneUntil),
      target('metric points of an hour', hourMs, this.#retention.hoursMs, () => Number.POSITIVE_INFINITY),
    ];
  }

  /** Stores the rest and stops. `record` is still safe afterwards, and without effect on the store. */
  async close(): Promise<void> {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#closing.abort();
    this.#ticks.close();
    await this.flush();
  }

  /** What resolutions there are now, the second that is going on included. */
  #availability() {
    const now = this.#options.clock.now();
    this.#windows.advance(now);
    const { slotsMs: keepSlotsMs, minutesMs: keepMinutesMs } = this.#retention;
    return { now, secondsSince: this.#recent.completeSince(now), keepSlotsMs, keepMinutesMs };
  }

  /** Wakes a little after each second, so that the second before is over. */
  #arm(): void {
    const intoSecondMs = this.#options.clock.now() % secondMs;
    this.#cancelTimer = this.#options.clock.after(secondMs - intoSecondMs + 5, () => {
      this.#arm();
      this.#onSecond();
    });
  }

  #onSecond(): void {
    const now = this.#options.clock.now();
    this.#windows.advance(now);
    this.#windows.forgetIdle(now);
    this.#stats.forgetUnused(now);
    this.#recent.evictBefore(now - this.#retention.secondsMs);
    this.#ticks.emit(this.#windows.secondAt);
    this.#sampleGauges(now);
    if (this.#options.clock.monotonic() - this.#flushedAt >= this.#flushIntervalMs) this.#flushInBackground();
  }

  /** Gauges are a series like those of the versions: they come into the second that has just begun. */
  #sampleGauges(now: number): void {
    try {
      this.#windows.addGauges(now, gaugeValues(this.gauges()));
    } catch (error) {
      this.#options.logger.error({ err: error }, 'the gauges could not be read');
    }
  }

  #onSecondClosed(at: number, series: readonly ClosedSeries[]): void {
    this.#recent.add(at, series);
    this.#slots.add(at, series);
    this.#ticks.add(series);
  }

  #flushInBackground(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    this.#flushedAt = this.#options.clock.monotonic();
    // Never rejects.
    void this.#store().finally(() => {
      this.#isFlushing = false;
    });
  }

  /** One after the other: a step that is invalidated must not be marked as done by a roll-up that read it before. */
  #store(): Promise<void> {
    this.#storing = this.#storing.then(() => this.#storeNow());
    return this.#storing;
  }

  async #storeNow(): Promise<void> {
    try {
      const current = this.#windows.secondAt;
      const written = await this.#slots.write(current);
      this.#invalidate(written);
      await this.#minutes.advance(this.#slots.storedUntil(current), this.#closing.signal);
      await this.#hours.advance(this.#minutes.doneUntil, this.#closing.signal);
    } catch (error) {
      this.#options.logger.warn({ err: error }, 'metric points could not be stored or rolled up; it is tried again');
    }
  }

  /** Only steps whose sources are all still there are done again. */
  #invalidate(written: readonly number[]): void {
    const now = this.#options.clock.now();
    for (const at of written) {
      if (at >= now - this.#retention.slotsMs + minuteMs) {
        this.#minutes.invalidate(at);
        this.#stats.forgetMinutesFrom(at);
      }
      if (at >= now - this.#retention.minutesMs + hourMs) this.#hours.invalidate(at);
    }
  }
}
