import { minuteMs, secondMs } from '../../../shared/durations.ts';
import type { FunctionId } from '../../../shared/ids.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { MetricPointStore } from '../../core/ports/store.ts';
import { readPoints } from './read-points.ts';
import type { Measured } from './recent-seconds.ts';
import { slotMs, startOfStep } from './steps.ts';

/** Where measurements are that the store does not have yet. */
interface LiveMeasurements {
  /** The second that is going on. */
  open(functionIds: ReadonlySet<FunctionId>, version: number | undefined): Measured[];
  seconds(functionId: FunctionId, version: number | undefined, from: number, to: number): Measured[];
  /** Slots in memory, complete; they win over stored ones. */
  slots(functionIds: ReadonlySet<FunctionId>, version: number | undefined, from: number, to: number): Measured[];
  /** Makes `slots` complete. */
  readBases(): Promise<void>;
  rolledUpUntil(stepMs: number): number;
}

export interface SeriesReaderOptions {
  readonly store: Pick<MetricPointStore, 'query'>;
  readonly live: LiveMeasurements;
  readonly logger: Logger;
}

export interface ReadRequest {
  readonly functionIds: readonly FunctionId[];
  readonly version: number | undefined;
  readonly from: number;
  readonly to: number;
  readonly sourceStepMs: number;
}

/**
 * Measurements of a range from where they are: roll-ups up to where those have come, then finer points, then memory. What
 * is given back is to be read or merged from, not changed. With several functions, the points of each.
 */
export class SeriesReader {
  readonly #options: SeriesReaderOptions;

  constructor(options: SeriesReaderOptions) {
    this.#options = options;
  }

  async read(request: ReadRequest): Promise<Measured[]> {
    const { functionIds, version, from, to, sourceStepMs } = request;
    if (from >= to || functionIds.length === 0) return [];
    if (sourceStepMs === secondMs) return this.#readSeconds(request);
    if (sourceStepMs === slotMs) return this.#readSlots(request);
    const rolledUntil = Math.min(Math.max(this.#options.live.rolledUpUntil(sourceStepMs), from), to);
    const finer = sourceStepMs === minuteMs ? slotMs : minuteMs;
    const filter = { functionIds, version, stepMs: sourceStepMs, from, to: rolledUntil };
    const stored = from < rolledUntil ? await readPoints(this.#options.store, filter, this.#options.logger) : [];
    const rest = await this.read({ ...request, from: rolledUntil, sourceStepMs: finer });
    return [...stored, ...rest];
  }

  #readSeconds(request: ReadRequest): Measured[] {
    const { functionIds, version, from, to } = request;
    const { live } = this.#options;
    const closed = functionIds.flatMap((id) => live.seconds(id, version, from, to));
    const open = live.open(new Set(functionIds), version).filter(({ at }) => at >= from && at < to);
    return [...closed, ...open];
  }

  /** Memory is looked at before the store is asked: what is written in between is then in both, and memory wins. */
  async #readSlots({ functionIds, version, from, to }: ReadRequest): Promise<Measured[]> {
    const { live, store, logger } = this.#options;
    const ids = new Set(functionIds);
    await live.readBases();
    const slots = live.slots(ids, version, from, to);
    const open = live.open(ids, version).map((second) => ({ ...second, at: startOfStep(second.at, slotMs) }));
    const inMemory = new Set(slots.map(keyOf));
    const stored = await readPoints(store, { functionIds, version, stepMs: slotMs, from, to }, logger);
    return [
      ...stored.filter((point) => !inMemory.has(keyOf(point))),
      ...slots,
      ...open.filter(({ at }) => at >= from && at < to),
    ];
  }
}

function keyOf({ functionId, version, at }: Measured): string {
  return `${functionId}/${version}/${at}`;
}
