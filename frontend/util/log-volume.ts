import type { LogLine } from '../../shared/api/invocations.ts';
import type { LogHistogram } from '../../shared/api/log-histogram.ts';

/** Lines of one span of time, by level. */
export interface LogBar {
  readonly fromMs: number;
  readonly toMs: number;
  readonly count: number;
  readonly errors: number;
  readonly warnings: number;
  /** Not all of its lines were counted. */
  readonly isPartial: boolean;
}

/** More is no histogram of ours. */
const maxBars = 2_000;

/**
 * What the platform counted, without a hole, and what came since: `lines` are in the order of their ids, and those that are newer than
 * what was counted are added to the bars of their time.
 */
export function logBars(
  histogram: LogHistogram,
  lines: readonly Pick<LogLine, 'id' | 'at' | 'level'>[],
): readonly LogBar[] {
  const { stepMs, end } = histogram;
  const fresh = newerThan(lines, end);
  const startMs = Date.parse(histogram.from);
  const lastMs = fresh.reduce((most, { at }) => Math.max(most, Date.parse(at)), Date.parse(histogram.to) - 1);
  const countedMs = histogram.countedFrom === null ? startMs : Date.parse(histogram.countedFrom);
  const bars = Array.from({ length: Math.min(maxBars, Math.floor((lastMs - startMs) / stepMs) + 1) }, (_, index) => ({
    fromMs: startMs + index * stepMs,
    toMs: startMs + (index + 1) * stepMs,
    count: 0,
    errors: 0,
    warnings: 0,
    isPartial: startMs + index * stepMs < countedMs,
  }));
  const barAt = (at: string) => bars[Math.floor((Date.parse(at) - startMs) / stepMs)];
  for (const { at, debug, info, warn, error } of histogram.steps) {
    const bar = barAt(at);
    if (bar === undefined) continue;
    bar.count += debug + info + warn + error;
    bar.errors += error;
    bar.warnings += warn;
  }
  for (const { at, level } of fresh) {
    const bar = barAt(at);
    if (bar === undefined) continue;
    bar.count++;
    if (level === 'error') bar.errors++;
    else if (level === 'warn') bar.warnings++;
  }
  return bars;
}

/** Ids have the same length and sort as texts. The new lines are few, and last. */
function newerThan<Line extends Pick<LogLine, 'id'>>(lines: readonly Line[], end: string): readonly Line[] {
  let first = lines.length;
  while (first > 0 && (lines[first - 1]?.id ?? '') > end) first--;
  return lines.slice(first);
}
