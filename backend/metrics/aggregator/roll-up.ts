import type { FunctionId } from '../../../shared/ids.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { MetricPointRecord, MetricPointStore } from '../../core/ports/store.ts';
import { ByteWriter } from '../../util/byte-codec.ts';
import { Measurement } from './measurement.ts';
import { warnOfDamage } from './read-points.ts';
import { startOfStep, stepSeries } from './steps.ts';

export interface RollUpOptions {
  readonly store: MetricPointStore;
  readonly logger: Logger;
  readonly sourceStepMs: number;
  /** A multiple of `sourceStepMs`. */
  readonly stepMs: number;
}

interface Series {
  readonly functionId: FunctionId;
  readonly version: number;
  readonly measurement: Measurement;
}

/** Source steps that are read together: an hour of a thousand functions at once held up every call for a second. */
const stepsAtOnce = 6;

/**
 * Adds up points of one step to points of a longer one, in order of time. Every result is computed whole from its sources
 * and replaces what was there, so doing it again changes nothing. How far it came is read from its own results: all series of
 * a step are put together, one of `stepSeries` among them. After a downtime it goes on where it stopped, however long ago.
 */
export class RollUp {
  readonly #options: RollUpOptions;
  #doneUntil: number | undefined;

  constructor(options: RollUpOptions) {
    this.#options = options;
  }

  /** Steps before this are rolled up; 0 while that is not known. */
  get doneUntil(): number {
    return this.#doneUntil ?? 0;
  }

  /** Rolls up every step whose sources all lie before `sourcesUntil`. Rejects when the store does; call again later. */
  async advance(sourcesUntil: number, signal: AbortSignal): Promise<void> {
    const { stepMs } = this.#options;
    const until = startOfStep(sourcesUntil, stepMs);
    this.#doneUntil ??= await this.#findDoneUntil(until);
    if (until <= this.#doneUntil) return;
    for (const at of await this.#stepsWithData(this.#doneUntil, until)) {
      await this.#rollUp(at, signal);
      if (signal.aborted) return;
      this.#doneUntil = at + stepMs;
    }
    this.#doneUntil = until;
  }

  /** A source at `at` has changed after it was rolled up (the clock was set back): its step is done again. */
  invalidate(at: number): void {
    if (this.#doneUntil === undefined) return;
    this.#doneUntil = Math.min(this.#doneUntil, startOfStep(at, this.#options.stepMs));
  }

  async #findDoneUntil(until: number): Promise<number> {
    const { store, stepMs } = this.#options;
    for (const lookBackMs of [stepMs * 100, Number.POSITIVE_INFINITY]) {
      const from = Math.max(0, until - lookBackMs);
      const filter = { functionIds: stepSeries, version: undefined, stepMs, from, to: until };
      const newest = (await store.query(filter)).reduce((at, point) => Math.max(at, point.at), -1);
      if (newest >= 0) return newest + stepMs;
    }
    return 0;
  }

  async #stepsWithData(from: number, to: number): Promise<readonly number[]> {
    const { store, sourceStepMs, stepMs } = this.#options;
    const filter = { functionIds: stepSeries, version: undefined, stepMs: sourceStepMs, from, to };
    const steps = new Set((await store.query(filter)).map((point) => startOfStep(point.at, stepMs)));
    return [...steps].toSorted((a, b) => a - b);
  }

  /** Stores nothing once the signal aborts. */
  async #rollUp(at: number, signal: AbortSignal): Promise<void> {
    const { store, sourceStepMs, stepMs } = this.#options;
    const series = new Map<string, Series>();
    for (let from = at; from < at + stepMs; from += sourceStepMs * stepsAtOnce) {
      if (signal.aborted) return;
      const to = Math.min(from + sourceStepMs * stepsAtOnce, at + stepMs);
      const filter = { functionIds: undefined, version: undefined, stepMs: sourceStepMs, from, to };
      for (const point of await store.query(filter)) this.#addTo(series, point);
    }
    if (signal.aborted) return;
    const writer = new ByteWriter(4096);
    const records: MetricPointRecord[] = [];
    for (const { functionId, version, measurement } of series.values()) {
      writer.reset();
      measurement.encode(writer);
      records.push({ functionId, version, stepMs, at, data: writer.copy() });
    }
    if (records.length > 0) await store.put(records);
  }

  /** A damaged point is left out and logged: one bad row must not hold up all that follows. */
  #addTo(series: Map<string, Series>, point: MetricPointRecord): void {
    const { functionId, version, data } = point;
    const key = `${functionId}/${version}`;
    const sum = series.get(key) ?? { functionId, version, measurement: new Measurement() };
    try {
      sum.measurement.mergeEncoded(data);
      series.set(key, sum);
    } catch (error) {
      warnOfDamage(this.#options.logger, point, error);
    }
  }
}
