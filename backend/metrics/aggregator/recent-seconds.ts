import type { FunctionId } from '../../../shared/ids.ts';
import { ByteWriter } from '../../util/byte-codec.ts';
import { Measurement } from './measurement.ts';

/** A measurement of one version (0: of none in particular) in one span. */
export interface Measured {
  readonly functionId: FunctionId;
  readonly version: number;
  readonly at: number;
  readonly measurement: Measurement;
}

interface Entry {
  readonly version: number;
  readonly start: number;
  readonly end: number;
}
interface Chunk {
  readonly bytes: Buffer;
  readonly entries: ReadonlyMap<FunctionId, readonly Entry[]>;
  readonly costBytes: number;
}

/** What an entry costs besides its encoded bytes: map slot, array, object. */
const entryOverheadBytes = 120;

export interface RecentSecondsOptions {
  readonly keepMs: number;
  /** Oldest seconds go first when all series together need more. */
  readonly maxBytes: number;
}

/**
 * The last minutes in steps of a second, encoded. A second in which a version was called takes 0.25 KB (up to ten calls),
 * 0.7 KB (a hundred) or 1.5 KB (a thousand): 0.2 to 1.3 MB for 15 minutes of one busy version, never more than `maxBytes` in all.
 */
export class RecentSeconds {
  readonly #keepMs: number;
  readonly #maxBytes: number;
  readonly #seconds = new Map<number, Chunk[]>();
  readonly #writer = new ByteWriter(64 * 1024);
  #usedBytes = 0;
  #completeSince: number;

  constructor(options: RecentSecondsOptions, startedAt: number) {
    this.#keepMs = options.keepMs;
    this.#maxBytes = options.maxBytes;
    this.#completeSince = startedAt;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** From here on nothing is missing. */
  completeSince(now: number): number {
    return Math.max(this.#completeSince, now - this.#keepMs);
  }

  /** Adds what happened in the second that starts at `at`; more may come for the same second. */
  add(at: number, measured: readonly Omit<Measured, 'at'>[]): void {
    if (measured.length === 0) return;
    const writer = this.#writer;
    writer.reset();
    const entries = new Map<FunctionId, Entry[]>();
    for (const { functionId, version, measurement } of measured) {
      const start = writer.length;
      measurement.encode(writer);
      const entry = { version, start, end: writer.length };
      const others = entries.get(functionId);
      if (others === undefined) entries.set(functionId, [entry]);
      else others.push(entry);
    }
    const costBytes = writer.length + measured.length * entryOverheadBytes;
    const chunk: Chunk = { bytes: writer.copy(), entries, costBytes };
    const chunks = this.#seconds.get(at);
    if (chunks === undefined) this.#seconds.set(at, [chunk]);
    else chunks.push(chunk);
    this.#usedBytes += costBytes;
    this.#evict(at - this.#keepMs);
  }

  /** Of one function in [from, to), oldest second first; without `version`, one per version. */
  read(functionId: FunctionId, version: number | undefined, from: number, to: number): Measured[] {
    const found: Measured[] = [];
    for (const [at, chunks] of this.#seconds) {
      if (at < from || at >= to) continue;
      for (const { bytes, entries } of chunks) {
        for (const entry of entries.get(functionId) ?? []) {
          if (version !== undefined && entry.version !== version) continue;
          found.push({
            functionId,
            version: entry.version,
            at,
            measurement: Measurement.decode(bytes, entry.start, entry.end),
          });
        }
      }
    }
    return found;
  }

  /** Drops the past that is too old, and the oldest when there is too much. Called once a second also when nothing happens. */
  evictBefore(before: number): void {
    this.#evict(before);
  }

  #evict(before: number): void {
    for (const [at, chunks] of this.#seconds) {
      const isTooMuch = this.#usedBytes > this.#maxBytes;
      if (at >= before && !isTooMuch) return;
      this.#seconds.delete(at);
      for (const chunk of chunks) this.#usedBytes -= chunk.costBytes;
      this.#completeSince = Math.max(this.#completeSince, at + 1_000);
    }
  }
}
