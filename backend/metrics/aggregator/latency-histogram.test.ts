import { describe, expect, test } from 'vitest';
import { DdSketch } from './dd-sketch.ts';
import { histogramOf } from './latency-histogram.ts';

function sketchOf(...values: readonly number[]): DdSketch {
  const sketch = new DdSketch();
  for (const value of values) sketch.add(value);
  return sketch;
}

describe('histogramOf', () => {
  test('counts each step in the buckets that all of them use', () => {
    const steps = [
      [0, sketchOf(1.2, 1.2, 4)],
      [10_000, undefined],
      [20_000, sketchOf(6)],
    ] as const;
    expect(histogramOf(steps)).toEqual({
      edgesMs: [1, 1.5, 2, 3, 5, 7],
      points: [
        { at: '1970-01-01T00:00:00.000Z', counts: [2, 0, 0, 1, 0] },
        { at: '1970-01-01T00:00:20.000Z', counts: [0, 0, 0, 0, 1] },
      ],
    });
  });

  test('loses no value: nothing, hours, and what falls on an edge', () => {
    const values = [0, 0.00001, 0.1, 1, 10, 100, 1000, 7_000_000, 1e9];
    const { points, edgesMs } = histogramOf([[0, sketchOf(...values)]]);
    expect(points[0]?.counts.reduce((sum, count) => sum + count, 0)).toBe(values.length);
    expect([edgesMs[0], edgesMs.at(-1)]).toEqual([0, 7_000_000]);
    expect(points[0]?.counts).toHaveLength(edgesMs.length - 1);
    expect(points[0]?.counts.at(-1)).toBe(2);
  });

  test('is empty without values', () => {
    expect(histogramOf([[0, undefined]])).toEqual({ edgesMs: [], points: [] });
  });
});
