import type { FunctionId } from '../../../shared/ids.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { MetricPointRecord, MetricPointStore } from '../../core/ports/store.ts';
import { ByteWriter } from '../../util/byte-codec.ts';
import { Measurement } from '../aggregator/measurement.ts';
import { readPoints } from '../aggregator/read-points.ts';
import type { Measured } from '../aggregator/recent-seconds.ts';
import { slotMs, startOfStep } from '../aggregator/steps.ts';

interface SlotSeries {
  readonly functionId: FunctionId;
  readonly version: number;
  readonly measurement: Measurement;
}
interface Slot {
  readonly at: number;
  readonly series: Map<string, SlotSeries>;
  /** What an earlier process, or an earlier visit of this one, stored for this slot is part of it. */
  hasBase: boolean;
  /** Changes with every addition; written when equal to `writtenRevision`. */
  revision: number;
  writtenRevision: number;
}

export interface SlotWriterOptions {
  readonly store: MetricPointStore;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Points kept while the store fails; the oldest slots go first. */
  readonly maxPendingPoints: number;
  /** Told before a slot is stored, perhaps not for the first time. */
  readonly onWrite?: (at: number) => void;
}

/**
 * Adds seconds up to slots of 10 s and stores them. A slot stays in memory until it is over and stored, and is always
 * written whole, so that writing it again (after a failure, or because more came) replaces and never counts twice. A slot
 * that may have been stored before (by a process that just ended, or before the clock was set back) is first read.
 */
export class SlotWriter {
  readonly #options: SlotWriterOptions;
  readonly #slots = new Map<number, Slot>();
  readonly #writer = new ByteWriter(4096);
  #freshFrom: number;
  #isWriting: Promise<void> = Promise.resolve();
  #points = 0;
  #dropped = 0;
  #failures = 0;

  constructor(options: SlotWriterOptions) {
    this.#options = options;
    this.#freshFrom = startOfStep(options.clock.now(), slotMs) + slotMs;
  }

  get droppedPoints(): number {
    return this.#dropped;
  }
  get failures(): number {
    return this.#failures;
  }

  add(secondAt: number, measured: readonly Omit<Measured, 'at'>[]): void {
    const slot = this.#slotOf(startOfStep(secondAt, slotMs));
    slot.revision++;
    for (const { functionId, version, measurement } of measured) {
      this.#seriesOf(slot, functionId, version).measurement.merge(measurement);
    }
    this.#dropOldest(slot);
  }

  /** Everything before this is stored (or was never there). `now` is when the current second started. */
  storedUntil(now: number): number {
    let until = startOfStep(now, slotMs);
    for (const slot of this.#slots.values())
      if (slot.revision !== slot.writtenRevision) until = Math.min(until, slot.at);
    return until;
  }

  /** Copies of the slots in memory, which win over stored ones. Call `readBases` first. */
  read(functionIds: ReadonlySet<FunctionId>, version: number | undefined, from: number, to: number): Measured[] {
    const found: Measured[] = [];
    for (const slot of this.#slots.values()) {
      if (slot.at < from || slot.at >= to) continue;
      for (const series of slot.series.values()) {
        if (!functionIds.has(series.functionId)) continue;
        if (version !== undefined && series.version !== version) continue;
        const measurement = new Measurement();
        measurement.merge(series.measurement);
        found.push({ functionId: series.functionId, version: series.version, at: slot.at, measurement });
      }
    }
    return found;
  }

  /** Completes the slots that may have been stored before. Rejects when the store does. */
  async readBases(): Promise<void> {
    for (const slot of this.#slots.values()) if (!slot.hasBase) await this.#readBase(slot);
  }

  /** Stores what is not stored, and forgets slots that ended before `now`. Resolves to the slots written; rejects when the store does. */
  write(now: number): Promise<readonly number[]> {
    const writing = this.#isWriting.then(() => this.#writeAll(now));
    this.#isWriting = writing.then(
      () => undefined,
      () => undefined,
    );
    return writing;
  }

  async #writeAll(now: number): Promise<readonly number[]> {
    const written: number[] = [];
    for (const slot of [...this.#slots.values()].toSorted((a, b) => a.at - b.at)) {
      if (slot.revision !== slot.writtenRevision) {
        try {
          await this.#writeSlot(slot);
          written.push(slot.at);
        } catch (error) {
          this.#failures++;
          throw error;
        }
      }
      const isOver = slot.at + slotMs <= now || slot.at > now;
      if (isOver && slot.revision === slot.writtenRevision) this.#remove(slot);
    }
    return written;
  }

  async #writeSlot(slot: Slot): Promise<void> {
    if (!slot.hasBase) await this.#readBase(slot);
    const { revision } = slot;
    const records: MetricPointRecord[] = [];
    for (const { functionId, version, measurement } of slot.series.values()) {
      this.#writer.reset();
      measurement.encode(this.#writer);
      records.push({ functionId, version, stepMs: slotMs, at: slot.at, data: this.#writer.copy() });
    }
    this.#options.onWrite?.(slot.at);
    await this.#options.store.put(records);
    slot.writtenRevision = revision;
  }

  /** Two callers may wait for the same rows; only the first adds them. */
  async #readBase(slot: Slot): Promise<void> {
    const filter = { functionIds: undefined, version: undefined, stepMs: slotMs, from: slot.at, to: slot.at + slotMs };
    const base = await readPoints(this.#options.store, filter, this.#options.logger);
    if (slot.hasBase) return;
    slot.hasBase = true;
    if (base.length > 0) slot.revision++;
    for (const { functionId, version, measurement } of base) {
      this.#seriesOf(slot, functionId, version).measurement.merge(measurement);
    }
  }

  #slotOf(at: number): Slot {
    const known = this.#slots.get(at);
    if (known !== undefined) return known;
    const slot: Slot = { at, series: new Map(), hasBase: at >= this.#freshFrom, revision: 0, writtenRevision: 0 };
    this.#freshFrom = Math.max(this.#freshFrom, at + slotMs);
    this.#slots.set(at, slot);
    return slot;
  }

  #seriesOf(slot: Slot, functionId: FunctionId, version: number): SlotSeries {
    const key = `${functionId}/${version}`;
    const known = slot.series.get(key);
    if (known !== undefined) return known;
    const series: SlotSeries = { functionId, version, measurement: new Measurement() };
    slot.series.set(key, series);
    this.#points++;
    return series;
  }

  #dropOldest(current: Slot): void {
    for (const slot of this.#slots.values()) {
      if (this.#points <= this.#options.maxPendingPoints) return;
      if (slot === current) continue;
      this.#dropped += slot.series.size;
      this.#remove(slot);
      this.#options.logger.error(
        { at: slot.at, points: slot.series.size },
        'metric points were dropped: the store does not take them',
      );
    }
  }

  #remove(slot: Slot): void {
    if (this.#slots.get(slot.at) !== slot) return;
    this.#slots.delete(slot.at);
    this.#points -= slot.series.size;
  }
}
