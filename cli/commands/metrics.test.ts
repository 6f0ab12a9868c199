import { expect, it } from 'vitest';
import type { MetricPoint } from '../../shared/api/metrics.ts';
import { refusedText, sparkline } from './metrics.ts';

const at = (seconds: number) => new Date(seconds * 1000).toISOString();
/** `values` by second. */
const line = (seconds: number, values: Readonly<Record<number, number | null>>) =>
  sparkline(
    {
      from: at(0),
      to: at(seconds),
      stepMs: 1000,
      points: Object.entries(values).map(([second, cpuMs]) => ({ at: at(Number(second)), cpuMs }) as MetricPoint),
    },
    (point) => point.cpuMs,
  );

it('draws a bar for each step, and a gap where nothing was measured', () => {
  expect(line(6, { 0: 1, 2: 8, 3: 0, 4: null })).toBe('▂ █▁  ');
  expect(line(2, { 0: 0 })).toBe('▁ ');
  expect(line(3, {})).toBe('   ');
});

it('keeps the highest of steps that share a bar', () => {
  const bars = line(120, { 0: 1, 1: 8, 119: 4 });
  expect(bars).toHaveLength(60);
  expect([bars[0], bars[1], bars[59]]).toEqual(['█', ' ', '▅']);
});

it('counts all calls that were refused, and says how many of them by limits', () => {
  expect(refusedText({ throttles: 2, refusals: 3 })).toBe('5 (2 by limits)');
  expect(refusedText({ throttles: 2, refusals: 0 })).toBe('2');
  expect(refusedText({ throttles: 0, refusals: 3 })).toBe('3');
});
