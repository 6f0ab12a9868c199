import { hourMs, minuteMs, secondMs } from '../../shared/durations.ts';

export interface TimeRange {
  /** What the address says: `1h`, or `from-to` in milliseconds since 1970. */
  readonly id: string;
  readonly label: string;
  readonly spanMs: number;
  /** Width of a point; a chart has 60 to 720 of them. */
  readonly stepMs: number;
  /** How often the series is asked for again while it is live. */
  readonly refreshMs: number;
  /** A part of the past that does not move with the clock, as dragged in a chart. */
  readonly fixed?: { readonly fromMs: number; readonly toMs: number };
}

export const defaultTimeRange: TimeRange = {
  id: '1h',
  label: '1 h',
  spanMs: hourMs,
  stepMs: 10 * secondMs,
  refreshMs: 5000,
};
export const timeRanges: readonly TimeRange[] = [
  { id: '15m', label: '15 m', spanMs: 15 * minuteMs, stepMs: 10 * secondMs, refreshMs: 4000 },
  defaultTimeRange,
  { id: '6h', label: '6 h', spanMs: 6 * hourMs, stepMs: minuteMs, refreshMs: 15_000 },
  { id: '24h', label: '24 h', spanMs: 24 * hourMs, stepMs: 5 * minuteMs, refreshMs: 60_000 },
  { id: '7d', label: '7 d', spanMs: 168 * hourMs, stepMs: 30 * minuteMs, refreshMs: 120_000 },
  { id: '30d', label: '30 d', spanMs: 720 * hourMs, stepMs: 2 * hourMs, refreshMs: 300_000 },
  { id: '90d', label: '90 d', spanMs: 2160 * hourMs, stepMs: 6 * hourMs, refreshMs: 300_000 },
];

/** Steps that a fixed range may be drawn in. What is not kept that fine any more comes coarser, and says so. */
const fixedSteps = [
  ...[1, 2, 5, 10, 30].map((count) => count * secondMs),
  ...[1, 2, 5, 10, 30].map((count) => count * minuteMs),
  ...[1, 2, 6, 12, 24].map((count) => count * hourMs),
];
const maxFixedPoints = 400;
const minFixedMs = 10 * secondMs;
const maxFixedMs = 400 * 24 * hourMs;

/** A range between two times, widened to whole steps; undefined when they make no sense. */
export function fixedRange(fromMs: number, toMs: number): TimeRange | undefined {
  if (!(Number.isFinite(fromMs) && Number.isFinite(toMs)) || fromMs < 0 || fromMs >= toMs) return undefined;
  const wide = Math.max(toMs - fromMs, minFixedMs);
  if (wide > maxFixedMs) return undefined;
  const stepMs = fixedSteps.find((step) => wide / step <= maxFixedPoints) ?? 24 * hourMs;
  const from = Math.floor(fromMs / stepMs) * stepMs;
  const to = Math.ceil((fromMs + wide) / stepMs) * stepMs;
  return {
    id: `${from}-${to}`,
    label: 'the chosen time',
    spanMs: to - from,
    stepMs,
    refreshMs: 0,
    fixed: { fromMs: from, toMs: to },
  };
}

export function timeRangeOf(id: unknown): TimeRange {
  const known = timeRanges.find((range) => range.id === id);
  if (known !== undefined) return known;
  const match = typeof id === 'string' ? /^(\d{1,15})-(\d{1,15})$/.exec(id) : null;
  return (match === null ? undefined : fixedRange(Number(match[1]), Number(match[2]))) ?? defaultTimeRange;
}

/** The window that ends with the step that `now` is in, so that the same steps are asked for again and again. */
export function windowOf(range: TimeRange, now: number): { readonly from: string; readonly to: string } {
  const end = range.fixed?.toMs ?? Math.ceil(now / range.stepMs) * range.stepMs;
  return { from: new Date(end - range.spanMs).toISOString(), to: new Date(end).toISOString() };
}

/** The window of the same length before it. */
export function windowBefore(range: TimeRange, now: number): { readonly from: string; readonly to: string } {
  const end = Date.parse(windowOf(range, now).from);
  return { from: new Date(end - range.spanMs).toISOString(), to: new Date(end).toISOString() };
}
