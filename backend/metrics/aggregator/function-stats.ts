import type { FunctionStats } from '../../../shared/api/functions.ts';
import { minuteMs } from '../../../shared/durations.ts';
import type { FunctionId } from '../../../shared/ids.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { MetricPointStore } from '../../core/ports/store.ts';
import { KeptPoints } from './kept-points.ts';
import { warnOfDamage } from './read-points.ts';
import type { SeriesReader } from './series-reader.ts';
import { StatSum } from './stat-sum.ts';
import { slotMs, startOfStep } from './steps.ts';

/** From minutes on, lists of functions stay fast: 60 points for an hour instead of 360. */
const finestWindowMs = 30 * minuteMs;
const keepMs = 10 * minuteMs;

export interface FunctionStatsOptions {
  readonly store: Pick<MetricPointStore, 'query'>;
  readonly reader: Pick<SeriesReader, 'read'>;
  readonly logger: Logger;
  /** How far minutes are rolled up, and before what slots are stored and out of memory. */
  readonly minutesUntil: () => number;
  readonly slotsUntil: () => number;
  /** Memory for points of functions that lists show; 32 MiB when left out. */
  readonly maxBytes?: number;
}

/**
 * The numbers of lists of functions. Minutes and slots that are stored are kept once they were read, so that a list reads
 * only what has come since; the slot and the second that are going on come from where charts have them.
 *
 * A function that was called 20 times in every minute of the hour takes some 8 KB for 10 minutes after a list showed it;
 * all together never more than `maxBytes` and a quarter.
 */
export class FunctionStatsReader {
  readonly #options: FunctionStatsOptions;
  readonly #minutes: KeptPoints;
  readonly #slots: KeptPoints;

  constructor(options: FunctionStatsOptions) {
    this.#options = options;
    const { maxBytes = 32 * 1024 * 1024, store, logger } = options;
    const keep = (stepMs: number, bytes: number) =>
      new KeptPoints({
        read: (functionIds, from, to) => store.query({ functionIds, version: undefined, stepMs, from, to }),
        onDamaged: (point, error) => warnOfDamage(logger, point, error),
        maxBytes: bytes,
        keepMs,
      });
    this.#minutes = keep(minuteMs, maxBytes);
    this.#slots = keep(slotMs, maxBytes / 4);
  }

  get usedBytes(): number {
    return this.#minutes.usedBytes + this.#slots.usedBytes;
  }

  /** One entry for every id, with zeros when nothing happened. Rejects when the store does. */
  async read(
    ids: readonly FunctionId[],
    windowMs: number,
    now: number,
  ): Promise<ReadonlyMap<FunctionId, FunctionStats>> {
    const { reader, minutesUntil, slotsUntil } = this.#options;
    const sourceStepMs = windowMs < finestWindowMs ? slotMs : minuteMs;
    const to = startOfStep(now, sourceStepMs) + sourceStepMs;
    const from = startOfStep(now - windowMs, sourceStepMs) + sourceStepMs;
    const window = { from, to };
    const functionIds = [...new Set(ids)];
    const minutesTo = sourceStepMs === minuteMs ? within(window, minutesUntil()) : from;
    const slotsTo = within({ from: minutesTo, to }, slotsUntil());
    const minutes = await this.#minutes.sums(functionIds, { from, until: minutesTo, window, now });
    const slots = await this.#slots.sums(functionIds, { from: minutesTo, until: slotsTo, window, now });
    const sums = new Map(functionIds.map((id) => [id, new StatSum(window)]));
    for (const [id, sum] of sums) {
      for (const part of [minutes.get(id), slots.get(id)]) if (part !== undefined) sum.merge(part);
    }
    const newest = { functionIds, version: undefined, from: slotsTo, to, sourceStepMs: slotMs };
    for (const { functionId, at, measurement } of await reader.read(newest)) sums.get(functionId)?.add(at, measurement);
    return new Map([...sums].map(([id, sum]) => [id, sum.toStats(windowMs)]));
  }

  /** Points of a slot are about to be stored again, or those of a minute will be. */
  forgetSlotsFrom(at: number): void {
    this.#slots.forgetFrom(at);
  }
  forgetMinutesFrom(at: number): void {
    this.#minutes.forgetFrom(startOfStep(at, minuteMs));
  }

  /** Called now and then: what no list shows any more takes no memory. */
  forgetUnused(now: number): void {
    this.#minutes.forgetUnused(now);
    this.#slots.forgetUnused(now);
  }
}

function within({ from, to }: { readonly from: number; readonly to: number }, at: number): number {
  return Math.min(Math.max(at, from), to);
}
