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
    for (const index of gaugeNames.keys())
      this.#add(index, other.#sums[index] as number, other.#maxima[index] as number);
  }

  /** Null while there is no sample. */
  of(name: GaugeName): { readonly mean: number; readonly max: number } | null {
    if (this.#samples === 0) return null;
    const index = gaugeNames.indexOf(name);
    return { mean: (this.#sums[index] as number) / this.#samples, max: this.#maxima[index] as number };
  }

  /** Samples; how many gauges; sum and maximum of each. */
  encode(writer: ByteWriter): void {
    writer.varint(this.#samples);
    if (this.#samples === 0) return;
    writer.varint(gaugeNames.length);
    for (const index of gaugeNames.keys()) {
      writer.double(this.#sums[index] as number);
      writer.double(this.#maxima[index] as number);
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
      const sum = reader.amount();
      const max = reader.amount();
      if (index < gaugeNames.length) gauges.#add(index, sum, max);
    }
    return gauges;
  }

  #add(index: number, sum: number, max: number): void {
    this.#sums[index] = (this.#sums[index] as number) + sum;
    if (max > (this.#maxima[index] as number)) this.#maxima[index] = max;
  }
}
