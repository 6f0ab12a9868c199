import { describe, expect, it } from 'vitest';
import { defaultTimeRange, fixedRange, timeRangeOf, timeRanges, windowBefore, windowOf } from './time-range.ts';

describe('time ranges', () => {
  it('falls back to the default for what is no range', () => {
    expect(timeRangeOf('6h').spanMs).toBe(6 * 3_600_000);
    expect(timeRangeOf('evil')).toBe(defaultTimeRange);
    expect(timeRangeOf(undefined)).toBe(defaultTimeRange);
  });

  it.each(timeRanges.map((range) => [range.id, range] as const))('%s has between 60 and 720 points', (_id, range) => {
    const count = range.spanMs / range.stepMs;
    expect(Number.isInteger(count)).toBe(true);
    expect(count).toBeGreaterThanOrEqual(60);
    expect(count).toBeLessThanOrEqual(720);
  });

  it('asks for the same window until the step is over', () => {
    const step = defaultTimeRange.stepMs;
    const first = windowOf(defaultTimeRange, 10 * step + 1);
    expect(windowOf(defaultTimeRange, 11 * step)).toEqual(first);
    expect(windowOf(defaultTimeRange, 11 * step + 1)).not.toEqual(first);
    expect(Date.parse(first.to) - Date.parse(first.from)).toBe(defaultTimeRange.spanMs);
  });

  it('has ranges up to 90 days', () => {
    expect(timeRanges.at(-1)?.spanMs).toBe(90 * 86_400_000);
  });

  it('takes a part of the past from the address, in whole steps, and stays there', () => {
    const range = timeRangeOf('1000200-1360700');
    expect(range.stepMs).toBe(1000);
    expect(range.fixed).toEqual({ fromMs: 1_000_000, toMs: 1_361_000 });
    expect(windowOf(range, 9e12)).toEqual(windowOf(range, 1));
    expect(Date.parse(windowBefore(range, 0).to)).toBe(1_000_000);
    expect(timeRangeOf(range.id)).toEqual(range);
  });

  it('draws a longer part in longer steps', () => {
    expect(fixedRange(0, 3 * 3_600_000)?.stepMs).toBe(30_000);
    expect(fixedRange(0, 90 * 86_400_000)?.stepMs).toBe(6 * 3_600_000);
  });

  it.each([
    ['back to front', 2000, 1000],
    ['of no length', 1000, 1000],
    ['longer than anything kept', 0, 500 * 86_400_000],
    ['of no number', Number.NaN, 1000],
  ])('refuses a part %s', (_what, from, to) => {
    expect(fixedRange(from, to)).toBeUndefined();
    expect(timeRangeOf(`${from}-${to}`)).toBe(defaultTimeRange);
  });

  it('widens what is too short to be drawn', () => {
    expect(fixedRange(5000, 5001)?.spanMs).toBe(10_000);
  });
});
