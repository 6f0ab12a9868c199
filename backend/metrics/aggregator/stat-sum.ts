import type { FunctionStats } from '../../../shared/api/functions.ts';
import type { ByteReader } from '../../util/byte-codec.ts';
import { DdSketch } from './dd-sketch.ts';
import type { Measured } from './recent-seconds.ts';

/** The span that a list shows, half-open, in ms since 1970. */
export interface StatWindow {
  readonly from: number;
  readonly to: number;
}

/** What a list counts. */
export type StatCounts = Pick<Measured['measurement'], 'invocations' | 'errors' | 'coldStarts' | 'peakMemoryBytes'>;

const sparklinePoints = 30;

/** What a list shows of a function: counts, calls over time, and the one sketch that its percentiles need. */
export class StatSum {
  readonly #window: StatWindow;
  readonly #sparkline = new Array<number>(sparklinePoints).fill(0);
  #invocations = 0;
  #errors = 0;
  #coldStarts = 0;
  #peakMemoryBytes = 0;
  #total: DdSketch | undefined;

  constructor(window: StatWindow) {
    this.#window = window;
  }

  /** Of the counts of the sketch, the list of calls over time and what holds them. */
  get sizeBytes(): number {
    return 400 + (this.#total?.sizeBytes ?? 0);
  }

  isOf({ from, to }: StatWindow): boolean {
    return this.#window.from === from && this.#window.to === to;
  }

  /** A point of [from, to). */
  add(at: number, point: StatCounts & Pick<Measured['measurement'], 'total'>): void {
    this.#addCounts(at, point);
    this.#addTotal(point.total);
  }

  /** A point of [from, to) whose sketch is read next. Throws when that is damaged, and has added nothing then. */
  addEncoded(at: number, counts: StatCounts, total: ByteReader): void {
    this.#total ??= new DdSketch();
    this.#total.mergeEncoded(total);
    this.#addCounts(at, counts);
  }

  #addCounts(at: number, point: StatCounts): void {
    const { from, to } = this.#window;
    const index = Math.floor(((at - from) / (to - from)) * sparklinePoints);
    this.#sparkline[index] = (this.#sparkline[index] ?? 0) + point.invocations;
    this.#invocations += point.invocations;
    this.#errors += point.errors;
    this.#coldStarts += point.coldStarts;
    this.#peakMemoryBytes = Math.max(this.#peakMemoryBytes, point.peakMemoryBytes);
  }

  /** Adds a sum of other points of the same window. */
  merge(other: StatSum): void {
    for (const [index, count] of other.#sparkline.entries()) {
      this.#sparkline[index] = (this.#sparkline[index] ?? 0) + count;
    }
    this.#invocations += other.#invocations;
    this.#errors += other.#errors;
    this.#coldStarts += other.#coldStarts;
    this.#peakMemoryBytes = Math.max(this.#peakMemoryBytes, other.#peakMemoryBytes);
    this.#addTotal(other.#total);
  }

  toStats(windowMs: number): FunctionStats {
    const [p50Ms = null, p95Ms = null] = this.#total?.quantiles([0.5, 0.95]) ?? [];
    return {
      windowMs,
      invocations: this.#invocations,
      errors: this.#errors,
      p50Ms,
      p95Ms,
      coldStarts: this.#coldStarts,
      peakMemoryBytes: this.#peakMemoryBytes,
      sparkline: this.#sparkline,
    };
  }

  #addTotal(sketch: DdSketch | undefined): void {
    if (sketch === undefined || sketch.count === 0) return;
    this.#total ??= new DdSketch();
    this.#total.merge(sketch);
  }
}
