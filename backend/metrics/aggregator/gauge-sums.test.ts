import { describe, expect, test } from 'vitest';
import { gaugeNames } from '../../../shared/api/metrics.ts';
import { ByteReader, ByteWriter } from '../../util/byte-codec.ts';
import { type GaugeSample, GaugeSums } from './gauge-sums.ts';

const sample = (value: number) => Object.fromEntries(gaugeNames.map((name) => [name, value])) as GaugeSample;
/** So many samples, and a sum and a maximum for each of the amounts. */
function stored(samples: number, amounts: readonly (readonly [number, number])[], names = amounts.length): ByteReader {
  const writer = new ByteWriter();
  writer.varint(samples);
  writer.varint(names);
  for (const [sum, max] of amounts) {
    writer.double(sum);
    writer.double(max);
  }
  return new ByteReader(writer.copy());
}

describe('sums of gauges', () => {
  test('have nothing while nobody looked', () => {
    const sums = new GaugeSums();
    expect(gaugeNames.map((name) => sums.of(name))).toEqual(gaugeNames.map(() => null));
    const writer = new ByteWriter();
    sums.encode(writer);
    expect([...writer.copy()]).toEqual([0]);
    expect(GaugeSums.decode(new ByteReader(writer.copy()))).toBeUndefined();
  });

  test('take what is no amount for 0, and no more than can be counted', () => {
    const sums = new GaugeSums();
    for (const value of [Number.NaN, -1, 0, Number.POSITIVE_INFINITY]) sums.add(sample(value));
    expect(sums.of('cpuPercent')).toEqual({ mean: Number.MAX_SAFE_INTEGER / 4, max: Number.MAX_SAFE_INTEGER });
  });

  test('add up with others, and come back as they were written', () => {
    const sums = new GaugeSums();
    for (const value of [2, 7]) sums.add(sample(value));
    const other = new GaugeSums();
    for (const value of [9, 1, 1]) other.add(sample(value));
    sums.merge(other);
    const writer = new ByteWriter();
    sums.encode(writer);
    const reader = new ByteReader(writer.copy());
    for (const one of [sums, GaugeSums.decode(reader)]) {
      expect(one?.samples).toBe(5);
      expect(gaugeNames.map((name) => one?.of(name))).toEqual(gaugeNames.map(() => ({ mean: 4, max: 9 })));
    }
    reader.end();
  });

  test('of an earlier release have zeros for the gauges that it did not know', () => {
    const sums = GaugeSums.decode(stored(2, [[6, 5]]));
    expect(sums?.of(gaugeNames[0])).toEqual({ mean: 3, max: 5 });
    expect(sums?.of(gaugeNames.at(-1) as 'cpuPercent')).toEqual({ mean: 0, max: 0 });
  });

  test('of a later release lose only the gauges that this one does not know', () => {
    const amounts = Array.from({ length: 64 }, (_, i) => [i, i] as const);
    const reader = stored(1, amounts);
    const sums = GaugeSums.decode(reader);
    expect(gaugeNames.map((name) => sums?.of(name)?.max)).toEqual(gaugeNames.map((_, i) => i));
    reader.end();
  });

  test('that claim more gauges than there will ever be, or amounts that are none, are refused', () => {
    const [fits, over] = [64, 65].map((count) => Array.from({ length: count }, () => [0, 0] as const));
    expect(GaugeSums.decode(stored(1, fits ?? []))?.samples).toBe(1);
    expect(() => GaugeSums.decode(stored(1, over ?? []))).toThrow('too many gauges');
    for (const amount of [-0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => GaugeSums.decode(stored(1, [[amount, 0]]))).toThrow('amount is out of range');
      expect(() => GaugeSums.decode(stored(1, [[0, amount]]))).toThrow('amount is out of range');
    }
    expect(() => GaugeSums.decode(stored(1, [[0, 0]], 2))).toThrow('ends too early');
  });
});
