const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

export interface TimeRange {
  readonly id: string;
  readonly label: string;
  readonly spanMs: number;
  /** Width of a point; a chart has 90 to 360 of them. */
  readonly stepMs: number;
  /** How often the series is asked for again while it is live. */
  readonly refreshMs: number;
}

export const defaultTimeRange: TimeRange = {
  id: '1h',
  label: '1 h',
  spanMs: hourMs,
  stepMs: 30_000,
  refreshMs: 5000,
};
export const timeRanges: readonly TimeRange[] = [
  { id: '15m', label: '15 m', spanMs: 15 * minuteMs, stepMs: 10_000, refreshMs: 3000 },
  defaultTimeRange,
  { id: '6h', label: '6 h', spanMs: 6 * hourMs, stepMs: 2 * minuteMs, refreshMs: 15_000 },
  { id: '24h', label: '24 h', spanMs: 24 * hourMs, stepMs: 10 * minuteMs, refreshMs: 60_000 },
  { id: '7d', label: '7 d', spanMs: 168 * hourMs, stepMs: hourMs, refreshMs: 120_000 },
];

export function timeRangeOf(id: unknown): TimeRange {
  return timeRanges.find((range) => range.id === id) ?? defaultTimeRange;
}

/** The window that ends with the step that `now` is in, so that the same steps are asked for again and again. */
export function windowOf(range: TimeRange, now: number): { readonly from: string; readonly to: string } {
  const end = Math.ceil(now / range.stepMs) * range.stepMs;
  return { from: new Date(end - range.spanMs).toISOString(), to: new Date(end).toISOString() };
}
