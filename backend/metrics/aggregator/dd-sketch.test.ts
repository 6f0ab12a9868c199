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
