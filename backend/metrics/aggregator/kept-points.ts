import type { FunctionId } from '../../../shared/ids.ts';
import type { MetricPointRecord } from '../../core/ports/store.ts';
import { ByteReader, ByteWriter } from '../../util/byte-codec.ts';
import { DdSketch } from './dd-sketch.ts';
import { Measurement } from './measurement.ts';
import { StatSum, type StatWindow } from './stat-sum.ts';

/** The points of one function in [from, until), as far as a list needs them. Never changed, only replaced. */
interface Kept {
  readonly from: number;
  readonly until: number;
  /** Oldest first. A point takes some 14 bytes and its sketch: 60 to 90 bytes for 20 calls, at most 3 KB. */
  readonly bytes: Buffer;
  readonly sum: StatSum;
  readonly costBytes: number;
  readonly usedAt: number;
}

export interface PointRange {
  readonly from: number;
  /** Points before this are in the store and do not change, unless `forgetFrom` says so. */
  readonly until: number;
  readonly window: StatWindow;
  readonly now: number;
}

export interface KeptPointsOptions {
  /** Stored points of [from, to) of these functions, those of each oldest first. */
  readonly read: (
    functionIds: readonly FunctionId[],
    from: number,
    to: number,
  ) => Promise<readonly MetricPointRecord[]>;
  /** Of a point that cannot be read, which is left out. */
  readonly onDamaged: (point: MetricPointRecord, error: unknown) => void;
  /** The functions asked for longest ago go first when all together need more. */
  readonly maxBytes: number;
  /** A function that nobody asked for so long is forgotten. */
  readonly keepMs: number;
}

/** Map slot, objects. */
const overheadBytes = 300;

/**
 * Stored points of the functions that lists show, so that a list reads from the store what is new since it was last asked for
 * instead of an hour; the sum of a function is made again only when its window moves. Takes no memory while nobody looks.
 */
export class KeptPoints {
  readonly #options: KeptPointsOptions;
  readonly #kept = new Map<FunctionId, Kept>();
  readonly #writer = new ByteWriter(4096);
  /** Requests that want the same points at once read them once. */
  #reading: Promise<unknown> = Promise.resolve();
  readonly #underWay = new Set<{ readonly until: number; isStale: boolean }>();
  #usedBytes = 0;

  constructor(options: KeptPointsOptions) {
    this.#options = options;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** One sum for every function. To be read or merged from, not changed. Rejects when the store does. */
  async sums(functionIds: readonly FunctionId[], range: PointRange): Promise<ReadonlyMap<FunctionId, StatSum>> {
    if (range.from >= range.until) return new Map();
    const missing = functionIds.filter((id) => !isWhole(this.#kept.get(id), range));
    const read = missing.length === 0 ? undefined : await this.#inTurn(missing, range);
    const sums = new Map<FunctionId, StatSum>();
    for (const id of functionIds) {
      const kept = read?.get(id) ?? this.#kept.get(id);
      if (isWhole(kept, range)) sums.set(id, this.#used(id, kept, range));
    }
    // What other requests pushed out while the store was asked.
    const rest = functionIds.filter((id) => !sums.has(id));
    if (rest.length > 0) for (const [id, { sum }] of await this.#complete(rest, range)) sums.set(id, sum);
    return sums;
  }

  /** Points from `at` on are about to be stored again. */
  forgetFrom(at: number): void {
    for (const reading of this.#underWay) if (reading.until > at) reading.isStale = true;
    for (const [id, { until }] of this.#kept) if (until > at) this.#remove(id);
  }

  /** Called now and then: what nobody asks for takes no memory. */
  forgetUnused(now: number): void {
    for (const [id, { usedAt }] of this.#kept) {
      if (Math.abs(now - usedAt) <= this.#options.keepMs) return;
      this.#remove(id);
    }
  }

  #inTurn(missing: readonly FunctionId[], range: PointRange): Promise<ReadonlyMap<FunctionId, Kept>> {
    const turn = this.#reading.then(() =>
      this.#complete(
        missing.filter((id) => !isWhole(this.#kept.get(id), range)),
        range,
      ),
    );
    this.#reading = turn.catch(() => undefined);
    return turn;
  }

  /** Two reads at most: of those that are new, and of what has come since for the others. */
  async #complete(ids: readonly FunctionId[], range: PointRange): Promise<ReadonlyMap<FunctionId, Kept>> {
    const old = new Map<FunctionId, Kept>();
    for (const id of ids) {
      const kept = this.#kept.get(id);
      if (kept !== undefined && kept.from <= range.from && kept.until > range.from) old.set(id, kept);
    }
    const fresh = ids.filter((id) => !old.has(id));
    const since = [...old.values()].reduce((least, { until }) => Math.min(least, until), range.until);
    const { read } = this.#options;
    const reading = { until: range.until, isStale: false };
    this.#underWay.add(reading);
    try {
      const points = [
        ...(fresh.length === 0 ? [] : await read(fresh, range.from, range.until)),
        ...(old.size === 0 ? [] : await read([...old.keys()], since, range.until)),
      ];
      const byFunction = Map.groupBy(points, ({ functionId }) => functionId);
      const whole = new Map<FunctionId, Kept>();
      for (const id of ids) {
        const known = old.get(id);
        const found = byFunction.get(id) ?? [];
        whole.set(id, known === undefined ? summed(this.#compact(found), range) : this.#extended(known, found, range));
      }
      if (!reading.isStale) for (const [id, kept] of whole) this.#keep(id, kept);
      return whole;
    } finally {
      this.#underWay.delete(reading);
    }
  }

  #extended(known: Kept, points: readonly MetricPointRecord[], range: PointRange): Kept {
    const fresh = this.#compact(points.filter(({ at }) => at >= known.until));
    return summed(Buffer.concat([known.bytes, fresh]), range);
  }

  /** What lists need of stored points. The sketch is copied as it is: making one of each and writing it anew took ten times as long. */
  #compact(points: readonly MetricPointRecord[]): Buffer {
    this.#writer.reset();
    for (const point of points) {
      try {
        const reader = new ByteReader(point.data);
        const { invocations, errors, coldStarts, peakMemoryBytes } = Measurement.decodeCounts(reader);
        const start = reader.offset;
        DdSketch.skip(reader);
        for (const value of [point.at, invocations, errors, coldStarts, peakMemoryBytes]) this.#writer.varint(value);
        this.#writer.bytes(point.data.subarray(start, reader.offset));
      } catch (error) {
        this.#options.onDamaged(point, error);
      }
    }
    return this.#writer.copy();
  }

  #used(id: FunctionId, kept: Kept, range: PointRange): StatSum {
    const isCurrent = kept.from === range.from && kept.until === range.until && kept.sum.isOf(range.window);
    const current = isCurrent ? kept : summed(kept.bytes, range);
    // What a read found stale, or what was evicted meanwhile, stays out.
    if (this.#kept.get(id) === kept) this.#keep(id, { ...current, usedAt: range.now });
    return current.sum;
  }

  #keep(id: FunctionId, kept: Kept): void {
    this.#remove(id);
    this.#kept.set(id, kept);
    this.#usedBytes += kept.costBytes;
    for (const oldest of this.#kept.keys()) {
      if (this.#usedBytes <= this.#options.maxBytes) return;
      this.#remove(oldest);
    }
  }

  #remove(id: FunctionId): void {
    this.#usedBytes -= this.#kept.get(id)?.costBytes ?? 0;
    this.#kept.delete(id);
  }
}

/** More than the range is no harm: the window of another request may have been longer. */
function isWhole(kept: Kept | undefined, { from, until }: PointRange): kept is Kept {
  return kept !== undefined && kept.from <= from && kept.until >= until;
}

/** Leaves out what is not in the range, and adds up the rest. */
function summed(points: Buffer, { from, until, window, now }: PointRange): Kept {
  const reader = new ByteReader(points);
  const sum = new StatSum(window);
  let start = 0;
  let end = points.length;
  while (reader.offset < end) {
    const { offset } = reader;
    const at = reader.varint();
    if (at >= until) {
      end = offset;
      break;
    }
    const [invocations, errors] = [reader.varint(), reader.varint()];
    const [coldStarts, peakMemoryBytes] = [reader.varint(), reader.varint()];
    if (at >= from) sum.addEncoded(at, { invocations, errors, coldStarts, peakMemoryBytes }, reader);
    else {
      DdSketch.skip(reader);
      start = reader.offset;
    }
  }
  const isCut = start > 0 || end < points.length;
  const bytes = isCut ? Buffer.from(points.subarray(start, end)) : points;
  return keptOf({ from, until, bytes, sum, usedAt: now });
}

function keptOf(kept: Omit<Kept, 'costBytes'>): Kept {
  return { ...kept, costBytes: kept.bytes.length + kept.sum.sizeBytes + overheadBytes };
}
