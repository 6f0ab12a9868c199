import { hourMs, minuteMs, secondMs } from '../../../shared/durations.ts';
import { PlatformError } from '../../../shared/errors.ts';
import { slotMs, startOfStep } from './steps.ts';

/** Steps a chart may be drawn in; each is a multiple of a stored one. */
const chartSteps = [
  ...[1, 2, 5, 10, 20, 30].map((count) => count * secondMs),
  ...[1, 2, 5, 10, 15, 30].map((count) => count * minuteMs),
  ...[1, 2, 3, 6, 12, 24].map((count) => count * hourMs),
];
const maxChartPoints = 720;
/** An explicit step may give more points than a chart needs, but not without bound. */
const maxPoints = 5_000;

export interface StepRequest {
  readonly from: number;
  readonly to: number;
  readonly stepMs: number | undefined;
  readonly now: number;
  /** Since when seconds are in memory without a gap. */
  readonly secondsSince: number;
  /** How long points of a slot and of a minute are kept; those of an hour are the last resort. */
  readonly keepSlotsMs: number;
  readonly keepMinutesMs: number;
}
export interface StepPlan {
  /** Whole steps: `from` rounded down, `to` up. */
  readonly from: number;
  readonly to: number;
  readonly stepMs: number;
  /** The stored step that it is made of. */
  readonly sourceStepMs: number;
}

/** Chooses the finest step that is kept for all of the range and gives neither too few nor too many points. */
export function planSteps(request: StepRequest): StepPlan {
  const { from, to, now } = request;
  if (!(Number.isFinite(from) && Number.isFinite(to) && from < to)) {
    throw new PlatformError('invalid_request', 'bad_range', '`from` must be before `to`.');
  }
  const sources = [
    ...(from >= request.secondsSince ? [secondMs] : []),
    ...(from >= now - request.keepSlotsMs ? [slotMs] : []),
    ...(from >= now - request.keepMinutesMs ? [minuteMs] : []),
    hourMs,
  ];
  const finest = sources[0] ?? hourMs;
  const stepMs = wholeStep(request.stepMs ?? chartStep(to - from, finest), to - from, finest);
  const sourceStepMs = sources.findLast((source) => stepMs % source === 0) ?? finest;
  return { from: startOfStep(from, stepMs), to: startOfStep(to + stepMs - 1, stepMs), stepMs, sourceStepMs };
}

function chartStep(rangeMs: number, finest: number): number {
  const fitting = chartSteps.find((step) => step >= finest && rangeMs / step <= maxChartPoints);
  return fitting ?? Math.ceil(rangeMs / maxChartPoints / hourMs) * hourMs;
}

function wholeStep(stepMs: number, rangeMs: number, finest: number): number {
  const least = Math.max(stepMs, finest, rangeMs / maxPoints);
  return Math.ceil(least / finest) * finest;
}
