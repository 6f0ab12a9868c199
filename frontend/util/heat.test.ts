import { describe, expect, it } from 'vitest';
import { heatRows, heatShare } from './heat.ts';

describe('heatRows', () => {
  it('has a row per bucket and a column per step, with gaps where nothing was called', () => {
    const rows = heatRows({
      from: '1970-01-01T00:00:00.000Z',
      to: '1970-01-01T00:00:30.000Z',
      stepMs: 10_000,
      edgesMs: [1, 1.5, 2],
      points: [
        { at: '1970-01-01T00:00:00.000Z', counts: [3, 0] },
        { at: '1970-01-01T00:00:20.000Z', counts: [0, 1] },
      ],
    });
    expect(rows).toEqual({
      x: [0, 10, 20],
      edges: ['1 ms', '1.5 ms', '2 ms'],
      rows: [
        { label: '1 ms – 1.5 ms', values: [3, null, 0] },
        { label: '1.5 ms – 2 ms', values: [0, null, 1] },
      ],
    });
  });

  it('has no rows without calls', () => {
    const range = { from: '1970-01-01T00:00:00.000Z', to: '1970-01-01T00:00:10.000Z', stepMs: 10_000 };
    expect(heatRows({ ...range, edgesMs: [], points: [] })).toEqual({ x: [0], rows: [], edges: [] });
  });
});

describe('heatShare', () => {
  it.each([
    [null, 5, undefined],
    [0, 5, undefined],
    [5, 5, 1],
    [1, 1, 1],
    [1, 3, 0.5],
  ])('of %s among at most %s', (value, most, share) => {
    expect(heatShare(value, most)).toEqual(share);
  });
});
