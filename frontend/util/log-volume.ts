import type { LogLine } from '../../shared/api/invocations.ts';

/** Lines of one span of time, by level. */
export interface LogBar {
  readonly fromMs: number;
  readonly toMs: number;
  readonly count: number;
  readonly errors: number;
  readonly warnings: number;
}

const secondMs = 1000;
/** Widths that people count in. */
const widths = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 43_200, 86_400];

/** How many lines there are over their time, oldest first, without a hole; at most `maxBars` bars. Lines of one second count together. */
export function logVolume(lines: readonly Pick<LogLine, 'at' | 'level'>[], maxBars: number): readonly LogBar[] {
  // By the text of the second: a hundred thousand lines are looked at once a second, and few seconds are parsed.
  const seconds = new Map<string, { count: number; errors: number; warnings: number }>();
  for (const { at, level } of lines) {
    const second = at.slice(0, 19);
    let sum = seconds.get(second);
    if (sum === undefined) {
      sum = { count: 0, errors: 0, warnings: 0 };
      seconds.set(second, sum);
    }
    sum.count++;
    if (level === 'error') sum.errors++;
    else if (level === 'warn') sum.warnings++;
  }
  const sums = [...seconds].map(([second, sum]) => ({ atMs: Date.parse(`${second}Z`), ...sum }));
  if (sums.length === 0) return [];
  const first = sums.reduce((least, { atMs }) => Math.min(least, atMs), Number.POSITIVE_INFINITY);
  const last = sums.reduce((most, { atMs }) => Math.max(most, atMs), 0);
  const widthMs = widthOf(first, last, maxBars);
  const start = Math.floor(first / widthMs) * widthMs;
  const bars = Array.from({ length: Math.floor((last - start) / widthMs) + 1 }, (_, index) => ({
    fromMs: start + index * widthMs,
    toMs: start + (index + 1) * widthMs,
    count: 0,
    errors: 0,
    warnings: 0,
  }));
  for (const { atMs, count, errors, warnings } of sums) {
    const bar = bars[Math.floor((atMs - start) / widthMs)];
    if (bar === undefined) continue;
    bar.count += count;
    bar.errors += errors;
    bar.warnings += warnings;
  }
  return bars;
}

function widthOf(first: number, last: number, maxBars: number): number {
  const bars = (widthMs: number) => Math.floor(last / widthMs) - Math.floor(first / widthMs) + 1;
  const fitting = widths.map((seconds) => seconds * secondMs).find((widthMs) => bars(widthMs) <= maxBars);
  const dayMs = 86_400 * secondMs;
  return fitting ?? Math.ceil((last - first) / (maxBars - 1) / dayMs) * dayMs;
}
