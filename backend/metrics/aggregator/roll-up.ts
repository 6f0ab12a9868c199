import type { FunctionId } from '../../../shared/ids.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { MetricPointRecord, MetricPointStore } from '../../core/ports/store.ts';
import { ByteWriter } from '../../util/byte-codec.ts';
import type { Measurement } from './measurement.ts';
import { readPoints } from './read-points.ts';
import { startOfStep, stepSeries } from './steps.ts';

export interface RollUpOptions {
  readonly store: MetricPointStore;
  readonly logger: Logger;
  readonly sourceStepMs: number;
  /** A multiple of `sourceStepMs`. */
  readonly stepMs: number;
}

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
      if (signal.aborted) return;
      await this.#rollUp(at);
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

  async #rollUp(at: number): Promise<void> {
    const { store, logger, sourceStepMs, stepMs } = this.#options;
    const series = new Map<string, { functionId: FunctionId; version: number; measurement: Measurement }>();
    const filter = { functionIds: undefined, version: undefined, stepMs: sourceStepMs, from: at, to: at + stepMs };
    for (const { functionId, version, measurement } of await readPoints(store, filter, logger)) {
      const key = `${functionId}/${version}`;
      const sum = series.get(key);
      if (sum === undefined) series.set(key, { functionId, version, measurement });
      else sum.measurement.merge(measurement);
    }
    const writer = new ByteWriter(4096);
    const records: MetricPointRecord[] = [];
    for (const { functionId, version, measurement } of series.values()) {
      writer.reset();
      measurement.encode(writer);
      records.push({ functionId, version, stepMs, at, data: writer.copy() });
    }
    if (records.length > 0) await store.put(records);
  }
}
