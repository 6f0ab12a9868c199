import { dayMs, hourMs, minuteMs, secondMs } from '../../../shared/durations.ts';

/** Steps that people count in; from a minute on each is a multiple of it, because lines are counted per minute when they are stored. */
const widths = [
  ...[1, 2, 5, 10, 15, 30].map((count) => count * secondMs),
  ...[1, 2, 5, 10, 15, 30].map((count) => count * minuteMs),
  ...[1, 2, 3, 6, 12, 24].map((count) => count * hourMs),
];

/** Whole steps, half open, in milliseconds since 1970. */
export interface LogSpan {
  readonly from: number;
  readonly to: number;
  readonly stepMs: number;
}

/** The range, both ends included, in the shortest step of which `maxSteps` are enough and which is no shorter than `leastMs`. */
export function logSpan(since: number, until: number, maxSteps: number, leastMs = secondMs): LogSpan {
  const stepMs =
    widths.find((width) => width >= leastMs && stepsOf(since, until, width) <= maxSteps) ??
    Math.ceil((until - since) / Math.max(1, maxSteps - 1) / dayMs) * dayMs;
  const from = Math.floor(since / stepMs) * stepMs;
  return { from, to: from + stepsOf(since, until, stepMs) * stepMs, stepMs };
}

function stepsOf(since: number, until: number, stepMs: number): number {
  return Math.floor(until / stepMs) - Math.floor(since / stepMs) + 1;
}
