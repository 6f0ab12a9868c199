import { describe, expect, it } from 'vitest';
import type { LogHistogram } from '../../shared/api/log-histogram.ts';
import { logBars } from './log-volume.ts';

const zero = { debug: 0, info: 0, warn: 0, error: 0 };
const id = (number: number) => String(number).padStart(16, '0');
const histogram: LogHistogram = {
  from: '2030-01-01T12:00:00.000Z',
  to: '2030-01-01T12:03:00.000Z',
  stepMs: 60_000,
  steps: [
    { ...zero, at: '2030-01-01T12:00:00.000Z', info: 3, error: 1 },
    { ...zero, at: '2030-01-01T12:02:00.000Z', debug: 2, warn: 5 },
  ],
  complete: true,
  countedFrom: null,
  end: id(20),
};
const line = (number: number, at: string, level: 'info' | 'warn' | 'error' = 'info') => ({ id: id(number), at, level });
const counts = (bars: ReturnType<typeof logBars>) =>
  bars.map(({ count, errors, warnings }) => [count, errors, warnings]);

describe('logBars', () => {
  it('has a bar for every step, also for those without lines', () => {
    const bars = logBars(histogram, []);
    expect(counts(bars)).toEqual([
      [4, 1, 0],
      [0, 0, 0],
      [7, 0, 5],
    ]);
    expect(bars[1]).toMatchObject({
      fromMs: Date.parse('2030-01-01T12:01:00Z'),
      toMs: Date.parse('2030-01-01T12:02:00Z'),
      isPartial: false,
    });
  });

  it('adds what came since, each line once, and goes on where that is later', () => {
    const lines = [
      line(19, '2030-01-01T12:00:01Z'),
      line(20, '2030-01-01T12:02:01Z', 'error'),
      line(21, '2030-01-01T12:02:59Z', 'error'),
      line(22, '2030-01-01T12:04:00Z', 'warn'),
      line(23, '2030-01-01T11:00:00Z'),
    ];
    expect(counts(logBars(histogram, lines))).toEqual([
      [4, 1, 0],
      [0, 0, 0],
      [8, 1, 5],
      [0, 0, 0],
      [1, 0, 1],
    ]);
  });

  it('says which steps were not counted, or not whole', () => {
    const bars = logBars({ ...histogram, complete: false, countedFrom: '2030-01-01T12:01:30.000Z' }, []);
    expect(bars.map(({ isPartial }) => isPartial)).toEqual([true, true, false]);
  });

  it('does not draw without bound', () => {
    expect(logBars({ ...histogram, to: '2130-01-01T12:00:00Z', stepMs: 1000 }, [])).toHaveLength(2000);
  });
});
