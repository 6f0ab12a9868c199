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
  const fresh = bySecond(lines, end);
  const startMs = Date.parse(histogram.from);
  const lastMs = fresh.reduce((most, { atMs }) => Math.max(most, atMs), Date.parse(histogram.to) - 1);
  const countedMs = histogram.countedFrom === null ? startMs : Date.parse(histogram.countedFrom);
  const bars = Array.from({ length: Math.min(maxBars, Math.floor((lastMs - startMs) / stepMs) + 1) }, (_, index) => ({
    fromMs: startMs + index * stepMs,
    toMs: startMs + (index + 1) * stepMs,
    count: 0,
    errors: 0,
    warnings: 0,
    isPartial: startMs + index * stepMs < countedMs,
  }));
  const barAt = (atMs: number) => bars[Math.floor((atMs - startMs) / stepMs)];
  const counted = histogram.steps.map(({ at, debug, info, warn, error }) => ({
    atMs: Date.parse(at),
    count: debug + info + warn + error,
    errors: error,
    warnings: warn,
  }));
  for (const { atMs, count, errors, warnings } of [...counted, ...fresh]) {
    const bar = barAt(atMs);
    if (bar === undefined) continue;
    bar.count += count;
    bar.errors += errors;
    bar.warnings += warnings;
  }
  return bars;
}

interface SecondOfLines {
  readonly atMs: number;
  count: number;
  errors: number;
  warnings: number;
}

/**
 * The lines that are newer than `end`, added up by second. Ids have the same length and sort as texts; new lines are last. By the text of the
 * second: a hundred thousand lines that came at once are looked at once a second, and few seconds are parsed.
 */
function bySecond(lines: readonly Pick<LogLine, 'id' | 'at' | 'level'>[], end: string): readonly SecondOfLines[] {
  const seconds = new Map<string, SecondOfLines>();
  for (let index = lines.length - 1; index >= 0; index--) {
    const line = lines[index];
    if (line === undefined || line.id <= end) break;
    const text = line.at.slice(0, 19);
    let second = seconds.get(text);
    if (second === undefined) {
      second = { atMs: Date.parse(`${text}Z`), count: 0, errors: 0, warnings: 0 };
      seconds.set(text, second);
    }
    second.count++;
    if (line.level === 'error') second.errors++;
    else if (line.level === 'warn') second.warnings++;
  }
  return [...seconds.values()];
}
