import { describe, expect, it } from 'vitest';
import { defaultTimeRange, timeRangeOf, timeRanges, windowOf } from './time-range.ts';

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
});
