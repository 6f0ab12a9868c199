import { type ByteReader, type ByteWriter, badEncoding } from '../../util/byte-codec.ts';

/**
 * DDSketch (Masson, Rim, Lee: "DDSketch: A fast and fully-mergeable quantile sketch with relative-error guarantees", VLDB 2019):
 * counts per bucket of geometrically growing width. Bucket i holds (gamma^(i-1), gamma^i]; its representative
 * 2 gamma^i / (gamma + 1) is at most `relativeAccuracy` off from anything in it.
 */
export const relativeAccuracy = 0.01;
const gamma = (1 + relativeAccuracy) / (1 - relativeAccuracy);
const inverseLogGamma = 1 / Math.log(gamma);
/** Spans a factor of 7.8e8, for example 1 µs to 13 min. When values span more, the lowest buckets are added up in one. */
export const maxBuckets = 1024;
/** Smaller values count as zero: a millisecond sketch does not tell nanoseconds apart. */
export const smallestValue = 1e-3;
/** Larger values count as this. */
export const largestValue = 1e15;
const lowestIndex = Math.ceil(Math.log(smallestValue) * inverseLogGamma);
const highestIndex = Math.ceil(Math.log(largestValue) * inverseLogGamma);
const formatVersion = 1;
const growBy = 32;
const noCounts = new Float64Array(0);
/** The buckets of the sketch that was read last, lowest first. */
const readIndexes = new Int32Array(maxBuckets);
const readCounts = new Float64Array(maxBuckets);

/**
 * Quantiles of non-negative numbers within 1 % of the true value, in at most 8 KiB. `merge` is exact: the result equals the
 * sketch of all values together (but for the rounding of `sum`).
 */
export class DdSketch {
  /** Counts of the buckets `#first`, `#first + 1` … Doubles, because 90 days of a busy function overflow 32 bits. */
  #counts = noCounts;
  #first = 0;
  #lowest = Number.MAX_SAFE_INTEGER;
  #highest = Number.MIN_SAFE_INTEGER;
  #zeros = 0;
  #count = 0;
  #sum = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = 0;

  get count(): number {
    return this.#count;
  }
  get sum(): number {
    return this.#sum;
  }
  /** Exact. 0 when empty. */
  get max(): number {
    return this.#max;
  }
  /** Exact. 0 when empty. */
  get min(): number {
    return this.#count === 0 ? 0 : this.#min;
  }
  get mean(): number {
    return this.#count === 0 ? 0 : this.#sum / this.#count;
  }
  /** Bytes of the counts, for tests of the bound. */
  get sizeBytes(): number {
    return this.#counts.byteLength;
  }

  /** Ignores NaN; a negative value counts as 0. */
  add(value: number): void {
    if (!(value >= smallestValue)) {
      if (!Number.isNaN(value)) this.#addZero();
      return;
    }
    const bounded = value > largestValue ? largestValue : value;
    const index = Math.ceil(Math.log(bounded) * inverseLogGamma);
    this.#addToBucket(index, 1);
    this.#count++;
    this.#sum += bounded;
    if (bounded < this.#min) this.#min = bounded;
    if (bounded > this.#max) this.#max = bounded;
  }

  merge(other: DdSketch): void {
    for (let index = other.#highest; index >= other.#lowest; index--) {
      const count = other.#at(index);
      if (count > 0) this.#addToBucket(index, count);
    }
    this.#zeros += other.#zeros;
    this.#count += other.#count;
    this.#sum += other.#sum;
    if (other.#min < this.#min) this.#min = other.#min;
    if (other.#max > this.#max) this.#max = other.#max;
  }

  /** The value below which the share `q` (0 to 1) of all values is (nearest rank), or undefined when empty. */
  quantile(q: number): number | undefined {
    return this.quantiles([q])[0];
  }

  /** Like `quantile`, for ascending shares in one pass. */
  quantiles(shares: readonly number[]): (number | undefined)[] {
    if (this.#count === 0) return shares.map(() => undefined);
    let seen = this.#zeros;
    let index = this.#lowest - 1;
    return shares.map((share) => {
      const rank = Math.round(share * (this.#count - 1));
      while (seen <= rank && index < this.#highest) {
        index++;
        seen += this.#at(index);
      }
      if (index < this.#lowest) return 0;
      return Math.min(Math.max(representativeOf(index), this.#min), this.#max);
    });
  }

  /** Adds to `counts` how many values are at most each of the ascending `edges` and above the one before; larger ones go to the last. */
  addTo(counts: number[], edges: readonly number[]): void {
    counts[0] = (counts[0] ?? 0) + this.#zeros;
    let edge = 0;
    for (let index = this.#lowest; index <= this.#highest; index++) {
      const count = this.#at(index);
      if (count === 0) continue;
      const value = representativeOf(index);
      while (edge < edges.length - 1 && value > (edges[edge] as number)) edge++;
      counts[edge] = (counts[edge] ?? 0) + count;
    }
  }

  /** Version, count; then, unless empty: zeros, sum, min, max, number of buckets, and per bucket its distance and count. */
  encode(writer: ByteWriter): void {
    writer.byte(formatVersion);
    writer.varint(this.#count);
    if (this.#count === 0) return;
    writer.varint(this.#zeros);
    writer.double(this.#sum);
    writer.double(this.#min);
    writer.double(this.#max);
    let used = 0;
    for (let index = this.#lowest; index <= this.#highest; index++) if (this.#at(index) > 0) used++;
    writer.varint(used);
    let previous: number | undefined;
    for (let index = this.#lowest; index <= this.#highest; index++) {
      const count = this.#at(index);
      if (count === 0) continue;
      if (previous === undefined) writer.signed(index);
      else writer.varint(index - previous);
      writer.varint(count);
      previous = index;
    }
  }

  /** Throws `internal`/`bad_encoding` for anything that `encode` cannot have written. */
  static decode(reader: ByteReader): DdSketch {
    const sketch = new DdSketch();
    sketch.mergeEncoded(reader);
    return sketch;
  }

  /** Reads what `encode` wrote and forgets it. Throws like `decode`. */
  static skip(reader: ByteReader): void {
    readEncoded(reader);
  }

  /** Like `merge` with the sketch that `encode` wrote, which is not made. Throws like `decode`, and has added nothing then. */
  mergeEncoded(reader: ByteReader): void {
    const { count, zeros, sum, min, max, used } = readEncoded(reader);
    if (count === 0) return;
    if (used > 0) {
      // Room for all at once: growing bucket by bucket took most of the time of a list of functions.
      const [first = 0, last = 0] = [readIndexes[0], readIndexes[used - 1]];
      this.#include(Math.min(this.#lowest, first), Math.max(this.#highest, last));
    }
    for (let i = used - 1; i >= 0; i--) this.#addToBucket(readIndexes[i] as number, readCounts[i] as number);
    this.#zeros += zeros;
    this.#count += count;
    this.#sum += sum;
    if (min < this.#min) this.#min = min;
    if (max > this.#max) this.#max = max;
  }

  #addZero(): void {
    this.#zeros++;
    this.#count++;
    this.#min = 0;
  }

  #at(index: number): number {
    return this.#counts[index - this.#first] as number;
  }

  #addToBucket(index: number, count: number): void {
    let target = index;
    if (index > this.#highest) {
      this.#include(this.#lowest > this.#highest ? index : this.#lowest, index);
    } else if (index < this.#lowest) {
      target = Math.max(index, this.#highest - maxBuckets + 1);
      if (target < this.#lowest) this.#include(target, this.#highest);
    }
    this.#counts[target - this.#first] = this.#at(target) + count;
  }

  /** Makes room for lowest … highest, adding up what falls below the last `maxBuckets` in the lowest of them. */
  #include(lowest: number, highest: number): void {
    const floor = Math.max(lowest, highest - maxBuckets + 1);
    if (floor < this.#first || highest >= this.#first + this.#counts.length) {
      const length = Math.min(Math.ceil((highest - floor + 1) / growBy + 1) * growBy, maxBuckets + growBy);
      const first = floor - Math.floor((length - (highest - floor + 1)) / 2);
      const moved = new Float64Array(length);
      for (let index = this.#lowest; index <= this.#highest; index++) {
        const slot = Math.max(index, floor) - first;
        moved[slot] = (moved[slot] as number) + this.#at(index);
      }
      this.#counts = moved;
      this.#first = first;
    } else {
      for (let index = this.#lowest; index < floor && index <= this.#highest; index++) {
        this.#counts[floor - this.#first] = this.#at(floor) + this.#at(index);
        this.#counts[index - this.#first] = 0;
      }
    }
    this.#lowest = floor;
    this.#highest = highest;
  }
}

function indexOf(value: number): number {
  return Math.ceil(Math.log(value) * inverseLogGamma);
}

/** What stands for everything in a bucket. */
function representativeOf(index: number): number {
  return (2 * gamma ** index) / (gamma + 1);
}

interface Encoded {
  readonly count: number;
  readonly zeros: number;
  readonly sum: number;
  readonly min: number;
  readonly max: number;
  /** So many buckets are in `readIndexes` and `readCounts`. */
  readonly used: number;
}

const nothing: Encoded = { count: 0, zeros: 0, sum: 0, min: 0, max: 0, used: 0 };

function readEncoded(reader: ByteReader): Encoded {
  if (reader.byte() !== formatVersion) throw badEncoding('the sketch has an unknown version');
  const count = reader.varint();
  if (count === 0) return nothing;
  const zeros = reader.varint();
  const sum = reader.amount();
  const min = reader.amount();
  const max = reader.amount();
  if (max < min || max > largestValue || sum > count * max * (1 + 1e-9)) {
    throw badEncoding('the sums of the sketch contradict each other');
  }
  const used = reader.varint();
  if (used > maxBuckets) throw badEncoding('the sketch has too many buckets');
  if (zeros + readBuckets(reader, used) !== count) throw badEncoding('the buckets of the sketch do not add up');
  checkBounds(zeros, min, max, used);
  return { count, zeros, sum, min, max, used };
}

/** Returns the sum of their counts. */
function readBuckets(reader: ByteReader, used: number): number {
  let index = 0;
  let seen = 0;
  for (let i = 0; i < used; i++) {
    const step = i === 0 ? reader.signed() : reader.varint();
    if (i > 0 && step === 0) throw badEncoding('a bucket comes twice');
    index += step;
    readIndexes[i] = index;
    if (index < lowestIndex || index > highestIndex || index - (readIndexes[0] as number) >= maxBuckets) {
      throw badEncoding('a bucket is out of range');
    }
    const count = reader.varint();
    if (count === 0) throw badEncoding('a bucket is empty');
    readCounts[i] = count;
    seen += count;
  }
  if (!Number.isSafeInteger(seen)) throw badEncoding('the sketch counts too much');
  return seen;
}

/** The exact extremes must lie in the outermost buckets (the lowest may hold collapsed ones, so only its upper bound counts). */
function checkBounds(zeros: number, min: number, max: number, used: number): void {
  const [lowest = 0, highest = 0] = [readIndexes[0], readIndexes[used - 1]];
  const maxFits = used > 0 ? indexOf(max) === highest : max === 0;
  const minFits = zeros > 0 ? min === 0 : used > 0 && min >= smallestValue && indexOf(min) <= lowest;
  if (!maxFits || !minFits) throw badEncoding('the extremes of the sketch do not fit its buckets');
}
