import { type GaugeName, gaugeNames } from '../../../shared/api/metrics.ts';
import { type ByteReader, type ByteWriter, badEncoding } from '../../util/byte-codec.ts';

/** Every gauge at one moment. */
export type GaugeSample = Readonly<Record<GaugeName, number>>;

/** More names than there will ever be: a damaged point must not become a large one. */
const maxNames = 64;

/** Samples of the gauges over a span: mean and largest of each. Adds up exactly, as `Measurement` does. */
export class GaugeSums {
  #samples = 0;
  readonly #sums = new Float64Array(gaugeNames.length);
  readonly #maxima = new Float64Array(gaugeNames.length);

  get samples(): number {
    return this.#samples;
  }

  /** What is no number counts as 0. */
  add(sample: GaugeSample): void {
    this.#samples++;
    for (const [index, name] of gaugeNames.entries()) {
      const value = sample[name] > 0 ? Math.min(sample[name], Number.MAX_SAFE_INTEGER) : 0;
      this.#add(index, value, value);
    }
  }

  merge(other: GaugeSums): void {
    this.#samples += other.#samples;
    for (const index of gaugeNames.keys()) this.#add(index, other.#sums[index] ?? 0, other.#maxima[index] ?? 0);
  }

  /** Null while there is no sample. */
  of(name: GaugeName): { readonly mean: number; readonly max: number } | null {
    if (this.#samples === 0) return null;
    const index = gaugeNames.indexOf(name);
    return { mean: (this.#sums[index] ?? 0) / this.#samples, max: this.#maxima[index] ?? 0 };
  }

  /** Samples; how many gauges; sum and maximum of each. */
  encode(writer: ByteWriter): void {
    writer.varint(this.#samples);
    if (this.#samples === 0) return;
    writer.varint(gaugeNames.length);
    for (const index of gaugeNames.keys()) {
      writer.double(this.#sums[index] ?? 0);
      writer.double(this.#maxima[index] ?? 0);
    }
  }

  /** Undefined where there was no sample. Gauges are only ever added at the end: an older point has zeros for the new ones. */
  static decode(reader: ByteReader): GaugeSums | undefined {
    const samples = reader.varint();
    if (samples === 0) return undefined;
    const names = reader.varint();
    if (names > maxNames) throw badEncoding('the measurement has too many gauges');
    const gauges = new GaugeSums();
    gauges.#samples = samples;
    for (let index = 0; index < names; index++) {
      const sum = readAmount(reader);
      const max = readAmount(reader);
      if (index < gaugeNames.length) gauges.#add(index, sum, max);
    }
    return gauges;
  }

  #add(index: number, sum: number, max: number): void {
    this.#sums[index] = (this.#sums[index] ?? 0) + sum;
    if (max > (this.#maxima[index] ?? 0)) this.#maxima[index] = max;
  }
}

/** A finite double of 0 and above; anything else is `bad_encoding`. */
export function readAmount(reader: ByteReader): number {
  const value = reader.double();
  if (!(value >= 0 && value < Number.POSITIVE_INFINITY)) throw badEncoding('a sum is not a number');
  return value;
}
