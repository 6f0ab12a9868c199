import fc from 'fast-check';
import { build } from 'hdr-histogram-js';
import { describe, expect, test } from 'vitest';
import { cases } from '../../../tests/support/fuzz.ts';
import { ByteReader, ByteWriter } from '../../util/byte-codec.ts';
import { DdSketch, largestValue, maxBuckets, relativeAccuracy, smallestValue } from './dd-sketch.ts';

const shares = [0, 0.01, 0.5, 0.9, 0.95, 0.99, 0.999, 1];
/** Milliseconds as they occur: zero, or 1 µs to 15 min, evenly on a logarithmic scale. */
const latency = fc.oneof(
  { weight: 1, arbitrary: fc.constant(0) },
  { weight: 9, arbitrary: fc.double({ min: -3, max: 5.95, noNaN: true }).map((exponent) => 10 ** exponent) },
);
const anyValue = fc.oneof(latency, fc.double({ min: 0, max: largestValue, noNaN: true }));

function sketchOf(values: Iterable<number>): DdSketch {
  const sketch = new DdSketch();
  for (const value of values) sketch.add(value);
  return sketch;
}
function encode(sketch: DdSketch): Buffer {
  const writer = new ByteWriter();
  sketch.encode(writer);
  return writer.copy();
}
function decode(bytes: Uint8Array): DdSketch {
  const reader = new ByteReader(bytes);
  const sketch = DdSketch.decode(reader);
  reader.end();
  return sketch;
}
/** Buckets and counts, without the sum, whose rounding depends on the order of addition. */
function stateOf(sketch: DdSketch): string {
  const bytes = encode(sketch);
  const sumAt = bytes.length === 2 ? 0 : headLength(bytes);
  return Buffer.concat([bytes.subarray(0, sumAt), bytes.subarray(sumAt + 8)]).toString('hex');
}
function headLength(bytes: Buffer): number {
  let offset = 1;
  for (let numbers = 0; numbers < 2; offset++) if ((bytes[offset] ?? 0) < 128) numbers++;
  return offset;
}

describe('DdSketch', () => {
  test('answers every quantile within 1 % of the exact one', () => {
    fc.assert(
      fc.property(fc.array(latency, { minLength: 1, maxLength: 500 }), (values) => {
        const sorted = values.toSorted((a, b) => a - b);
        const found = sketchOf(values).quantiles(shares);
        shares.forEach((share, i) => {
          const exact = sorted[Math.round(share * (sorted.length - 1))] ?? 0;
          expect(Math.abs((found[i] ?? Number.NaN) - exact)).toBeLessThanOrEqual(
            exact * relativeAccuracy * 1.0001 + smallestValue,
          );
        });
      }),
      cases(),
    );
  });

  test('agrees with HdrHistogram on a hundred thousand latencies', () => {
    const histogram = build({
      lowestDiscernibleValue: 1,
      highestTrackableValue: 900_000_000,
      numberOfSignificantValueDigits: 4,
    });
    const sketch = new DdSketch();
    let seed = 42;
    for (let i = 0; i < 100_000; i++) {
      seed = (seed * 48_271) % 2_147_483_647;
      const uniform = seed / 2_147_483_647;
      const ms = i % 50 === 0 ? 400 + 4_000 * uniform : 0.5 - 8 * Math.log(uniform);
      histogram.recordValue(Math.round(ms * 1000));
      sketch.add(ms);
    }
    for (const share of [0.1, 0.5, 0.9, 0.95, 0.99, 0.999]) {
      const oracle = histogram.getValueAtPercentile(share * 100) / 1000;
      expect(Math.abs((sketch.quantile(share) ?? 0) / oracle - 1)).toBeLessThan(relativeAccuracy + 0.001);
    }
  });

  test('merges to the sketch of all values together, also when buckets were collapsed', () => {
    fc.assert(
      fc.property(fc.array(fc.array(anyValue), { maxLength: 5 }), (parts) => {
        const merged = new DdSketch();
        for (const part of parts) merged.merge(sketchOf(part));
        const fromBytes = new DdSketch();
        for (const part of parts) fromBytes.mergeEncoded(new ByteReader(encode(sketchOf(part))));
        expect(encode(fromBytes).equals(encode(merged))).toBe(true);
        const union = sketchOf(parts.flat());
        expect(stateOf(merged)).toBe(stateOf(union));
        expect(merged.sum).toBeCloseTo(union.sum, -Math.log10(union.sum + 1) + 9);
      }),
      { examples: [[[[largestValue], [smallestValue, 1, 5], [0]]]], ...cases() },
    );
  });

  test('holds memory whatever comes, and keeps the upper quantiles exact', () => {
    const sketch = new DdSketch();
    for (let exponent = -3; exponent <= 15; exponent += 0.001) sketch.add(10 ** exponent);
    expect(sketch.sizeBytes).toBeLessThanOrEqual((maxBuckets + 32) * 8);
    expect((sketch.quantile(0.95) ?? 0) / 10 ** (-3 + 0.95 * 18)).toBeCloseTo(1, 1);
    expect(sketch.min).toBe(smallestValue);
    expect(sketch.max / largestValue).toBeCloseTo(1);
  });

  test('takes what is not a latency without failing', () => {
    const sketch = sketchOf([Number.NaN, -5, Number.POSITIVE_INFINITY, 0]);
    expect([sketch.count, sketch.min, sketch.max]).toEqual([3, 0, largestValue]);
    expect(new DdSketch().quantile(0.5)).toBeUndefined();
    expect(new DdSketch().mean).toBe(0);
  });

  test('survives encoding, byte for byte', () => {
    fc.assert(
      fc.property(fc.array(anyValue, { maxLength: 300 }), (values) => {
        const bytes = encode(sketchOf(values));
        const back = decode(bytes);
        expect(encode(back).equals(bytes)).toBe(true);
        expect(back.quantiles(shares)).toEqual(sketchOf(values).quantiles(shares));
      }),
      cases(),
    );
  });

  test('encodes a typical second in a few dozen bytes', () => {
    expect(encode(new DdSketch())).toHaveLength(2);
    expect(encode(sketchOf([1.2, 1.3, 1.25, 8])).length).toBeLessThan(50);
  });

  test('either refuses hostile bytes or reads a sketch that encodes to the same bytes', () => {
    const valid = encode(sketchOf([0, 0.5, 1, 2, 3, 500]));
    const hostile = fc.oneof(
      fc.uint8Array({ maxLength: 80 }),
      fc.tuple(fc.nat(valid.length - 1), fc.nat(255)).map(([at, byte]) => {
        const bytes = Buffer.from(valid);
        bytes[at] = byte;
        return bytes;
      }),
      fc.nat(valid.length - 1).map((length) => valid.subarray(0, length)),
    );
    fc.assert(
      fc.property(hostile, (bytes) => {
        let sketch: DdSketch;
        try {
          sketch = decode(bytes);
        } catch (error) {
          expect(error).toMatchObject({ code: 'bad_encoding' });
          return;
        }
        expect(encode(sketch).equals(bytes)).toBe(true);
        for (const value of sketch.quantiles(shares)) expect(Number.isFinite(value ?? 0)).toBe(true);
      }),
      cases(3_000),
    );
  });

  test('has no extremes, no mean and no quantiles while it is empty', () => {
    const sketch = new DdSketch();
    expect([sketch.count, sketch.sum, sketch.min, sketch.max, sketch.mean]).toEqual([0, 0, 0, 0, 0]);
    expect([sketch.quantile(0.5), ...sketch.quantiles([0, 1])]).toEqual([undefined, undefined, undefined]);
    sketch.add(Number.NaN);
    expect(sketch.count).toBe(0);
  });

  test('refuses a giant claimed by few bytes', () => {
    const writer = new ByteWriter();
    writer.byte(1);
    writer.varint(Number.MAX_SAFE_INTEGER);
    writer.varint(0);
    for (const value of [1, 1, 1]) writer.double(value);
    writer.varint(2);
    for (const count of [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER]) {
      writer.varint(1);
      writer.varint(count);
    }
    expect(() => decode(writer.copy())).toThrow('damaged');
  });
});

/** The bucket of a value, computed anew here. */
const bucketOf = (value: number): number => Math.ceil(Math.log(value) / Math.log(1.01 / 0.99));

interface Stored {
  readonly version: number;
  readonly count: number;
  readonly zeros: number;
  readonly sum: number;
  readonly min: number;
  readonly max: number;
  /** How many buckets it says that it has. */
  readonly used: number;
  /** The first index, the distances of the others, and their counts. */
  readonly buckets: readonly (readonly [number, number])[];
}

function stored(over: Partial<Stored>): Buffer {
  const one: Stored = {
    ...{ version: 1, count: 3, zeros: 1, sum: 3, min: 0, max: 2 },
    buckets: [
      [0, 1],
      [bucketOf(2), 1],
    ],
    ...over,
    used: over.used ?? over.buckets?.length ?? 2,
  };
  const writer = new ByteWriter();
  writer.byte(one.version);
  writer.varint(one.count);
  writer.varint(one.zeros);
  for (const value of [one.sum, one.min, one.max]) writer.double(value);
  writer.varint(one.used);
  for (const [i, [step, count]] of one.buckets.entries()) {
    if (i === 0) writer.signed(step);
    else writer.varint(step);
    writer.varint(count);
  }
  return writer.copy();
}

describe('a stored sketch', () => {
  const row = (length: number) => Array.from({ length }, (_, i) => [i === 0 ? 0 : 1, 1] as const);
  const contradiction = 'the sums of the sketch contradict each other';
  const unfit = 'the extremes of the sketch do not fit its buckets';

  test.each<[string, Partial<Stored>]>([
    ['as it is written', {}],
    ['the largest sum of its values', { sum: 6 }],
    ['zeros alone', { count: 2, zeros: 2, sum: 0, max: 0, buckets: [] }],
    ['one value', { count: 1, zeros: 0, sum: 1, min: 1, max: 1, buckets: [[0, 1]] }],
    ['collapsed values, smaller than its lowest bucket', { count: 2, zeros: 0, min: smallestValue }],
    [
      'as many buckets as there may be',
      { count: maxBuckets, zeros: 0, min: 1, max: (1.01 / 0.99) ** (maxBuckets - 1.5), buckets: row(maxBuckets) },
    ],
    ['the smallest value', { count: 1, zeros: 0, sum: 0.001, min: 0.001, max: 0.001, buckets: [[bucketOf(0.001), 1]] }],
    ['the largest value', { count: 1, zeros: 0, min: 1e15, max: 1e15, buckets: [[bucketOf(1e15), 1]] }],
  ])('is read: %s', (_what, over) => {
    const bytes = stored(over);
    expect(encode(decode(bytes)).equals(bytes)).toBe(true);
    const reader = new ByteReader(bytes);
    DdSketch.skip(reader);
    reader.end();
  });

  test.each<[string, Partial<Stored>, string]>([
    ['of tomorrow', { version: 2 }, 'the sketch has an unknown version'],
    ['with a maximum below its minimum', { zeros: 0, min: 2, max: 1 }, contradiction],
    ['with a maximum that is too large', { max: largestValue * 2 }, contradiction],
    ['with a sum that is too large', { sum: 6.001 }, contradiction],
    ['with too many buckets', { used: maxBuckets + 1 }, 'the sketch has too many buckets'],
    ['with fewer values than it says', { count: 4 }, 'the buckets of the sketch do not add up'],
    [
      'with a bucket twice',
      {
        buckets: [
          [0, 1],
          [0, 1],
        ],
      },
      'a bucket comes twice',
    ],
    ['with a bucket that is too low', { buckets: [[bucketOf(smallestValue) - 1, 1]] }, 'a bucket is out of range'],
    ['with a bucket that is too high', { buckets: [[bucketOf(largestValue) + 1, 1]] }, 'a bucket is out of range'],
    [
      'with buckets too far apart',
      {
        buckets: [
          [0, 1],
          [maxBuckets, 1],
        ],
      },
      'a bucket is out of range',
    ],
    ['with an empty bucket', { buckets: [[0, 0]] }, 'a bucket is empty'],
    [
      'with more than can be counted',
      {
        buckets: [
          [0, Number.MAX_SAFE_INTEGER],
          [35, 1],
        ],
      },
      'the sketch counts too much',
    ],
    ['with a maximum in no bucket', { max: 3 }, unfit],
    ['with a minimum in spite of zeros', { min: 1 }, unfit],
    ['with a minimum of 0 without zeros', { count: 2, zeros: 0 }, unfit],
    ['with a minimum too small', { count: 2, zeros: 0, min: smallestValue / 2 }, unfit],
    ['with a minimum above its lowest bucket', { count: 2, zeros: 0, min: 1.5 }, unfit],
    ['with a maximum of nothing but zeros', { count: 1, sum: 0, max: 1, buckets: [] }, unfit],
    [
      'without anything',
      { count: 1, zeros: 0, sum: 0, min: 1, max: 1, buckets: [] },
      'the buckets of the sketch do not add up',
    ],
  ])('is refused %s', (_what, over, message) => {
    const sketch = sketchOf([1, 5]);
    const before = encode(sketch);
    expect(() => sketch.mergeEncoded(new ByteReader(stored(over)))).toThrow(
      expect.objectContaining({ code: 'bad_encoding', message: `a binary value is damaged: ${message}` }),
    );
    expect(encode(sketch).equals(before)).toBe(true);
  });

  test('is added to whatever is there, lower, higher or in between', () => {
    for (const there of [[], [0], [1], [1000], [0.5, 2000], [largestValue]]) {
      for (const added of [[], [0], [1], [0.01, 5], [3, 900], [1e6], [smallestValue, 1e6]]) {
        const sketch = sketchOf(there);
        sketch.mergeEncoded(new ByteReader(encode(sketchOf(added))));
        expect(stateOf(sketch)).toBe(stateOf(sketchOf([...there, ...added])));
        expect(sketch.mean).toBeCloseTo(sketch.count === 0 ? 0 : sketch.sum / sketch.count);
      }
    }
  });
});

test('values are counted by the edges below which they are, in what is there already', () => {
  const counts = [1, 0, 0, 5];
  sketchOf([0, 0, 0.5, 1.5, 1.6, 30, 40, 1e6]).addTo(counts, [1, 10, 20, 50]);
  expect(counts).toEqual([4, 2, 0, 8]);
  const fresh: number[] = [];
  sketchOf([0, 5]).addTo(fresh, [1, 10]);
  expect(fresh).toEqual([1, 1]);
  const none = [3, 4];
  new DdSketch().addTo(none, [1, 10]);
  expect(none).toEqual([3, 4]);
});
