export interface IdleHistogramSettings {
  readonly binMs: number;
  /** `binMs x bins` is the range; longer idle times are counted apart. */
  readonly bins: number;
  /** Beyond this many samples all counts are halved, so that a habit given up fades. */
  readonly maxSamples: number;
}

/** One-minute bins over four hours, as in the paper (Shahrad et al., "Serverless in the Wild", USENIX ATC 2020, section 4.2). */
const defaultIdleHistogramSettings: IdleHistogramSettings = { binMs: 60_000, bins: 240, maxSamples: 5000 };

/** Latest idle times kept as they are, for the forecast of those out of range. */
const recentCount = 8;

/**
 * How long one function was idle between calls: counts per bin, how many were out of range, and the last few as they were. About a
 * kilobyte; adding takes constant time.
 */
export class IdleHistogram {
  readonly settings: IdleHistogramSettings;
  /** Floats, so that halving loses no rare idle time. */
  readonly #counts: Float32Array;
  readonly #recentMs: number[] = [];
  #inRange = 0;
  #outOfRange = 0;
  /** Of all counts, for the coefficient of variation. */
  #sumOfSquares = 0;

  constructor(settings: IdleHistogramSettings = defaultIdleHistogramSettings) {
    this.settings = settings;
    this.#counts = new Float32Array(settings.bins);
  }

  /** Idle times seen, in range and out of range; older ones weigh less. */
  get samples(): number {
    return this.#inRange + this.#outOfRange;
  }

  get outOfRange(): number {
    return this.#outOfRange;
  }

  get rangeMs(): number {
    return this.settings.binMs * this.settings.bins;
  }

  /** The last few idle times, the newest last. */
  get recentMs(): readonly number[] {
    return this.#recentMs;
  }

  add(idleMs: number): void {
    if (this.#recentMs.length === recentCount) this.#recentMs.shift();
    this.#recentMs.push(idleMs);
    const bin = Math.max(0, Math.floor(idleMs / this.settings.binMs));
    const count = this.#counts[bin];
    if (count === undefined) {
      this.#outOfRange++;
    } else {
      this.#counts[bin] = count + 1;
      this.#inRange++;
      this.#sumOfSquares += 2 * count + 1;
    }
    if (this.samples > this.settings.maxSamples) this.#halve();
  }

  /**
   * The lower edge of the bin that holds the p-th part (0 to 1) of the idle times in range, 0 when there is none. The upper edge is
   * `binMs` more.
   */
  quantileMs(p: number): number {
    const wanted = p * this.#inRange;
    let seen = 0;
    let last = 0;
    for (let bin = 0; bin < this.#counts.length; bin++) {
      const count = this.#counts[bin] ?? 0;
      if (count === 0) continue;
      seen += count;
      last = bin;
      if (seen >= wanted) break;
    }
    return last * this.settings.binMs;
  }

  /**
   * Coefficient of variation of the counts: high when few bins hold most idle times, so that the next one can be foretold, and low when
   * they are spread over the range.
   */
  get cvOfCounts(): number {
    if (this.#inRange === 0) return 0;
    const { bins } = this.settings;
    const mean = this.#inRange / bins;
    return Math.sqrt(Math.max(0, this.#sumOfSquares / bins - mean * mean)) / mean;
  }

  /** Share of idle times in range that began in [fromMs, toMs), in whole bins, and 0 without samples. */
  shareBetween(fromMs: number, toMs: number): number {
    if (this.samples === 0) return 0;
    const first = Math.max(0, Math.floor(fromMs / this.settings.binMs));
    const end = Math.min(this.#counts.length, Math.ceil(toMs / this.settings.binMs));
    let share = 0;
    for (let bin = first; bin < end; bin++) share += this.#counts[bin] ?? 0;
    return share / this.samples;
  }

  /** A copy that learns on by itself: a new version of a function begins with what was learnt of the one before. */
  copy(): IdleHistogram {
    const copy = new IdleHistogram(this.settings);
    copy.#counts.set(this.#counts);
    copy.#recentMs.push(...this.#recentMs);
    copy.#inRange = this.#inRange;
    copy.#outOfRange = this.#outOfRange;
    copy.#sumOfSquares = this.#sumOfSquares;
    return copy;
  }

  #halve(): void {
    for (let bin = 0; bin < this.#counts.length; bin++) this.#counts[bin] = (this.#counts[bin] ?? 0) / 2;
    this.#inRange /= 2;
    this.#outOfRange /= 2;
    this.#sumOfSquares /= 4;
  }
}
