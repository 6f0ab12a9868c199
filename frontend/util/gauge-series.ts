import type { GaugeName, GaugeSeries, LiveTick } from '../../shared/api/metrics.ts';
import { gaugeValues } from '../../shared/gauge-values.ts';
import type { Column } from './series.ts';

type Values = GaugeSeries['points'][number]['gauges'];

interface Step {
  readonly samples: number;
  readonly gauges: Values;
}

/** What charts of gauges draw: a regular grid in seconds since 1970, and columns beside it. */
export interface GaugeGrid {
  readonly x: readonly number[];
  readonly stepMs: number;
  /** Null where nobody looked, and where the caller may not see it. */
  column(name: GaugeName, which?: 'mean' | 'max'): Column;
}

/** More would be thinner than a pixel each. */
const maxSteps = 5_000;

/** The history goes on with what this tab has heard since: of each step, what more was seen of. The window keeps its length. */
export function gaugeGrid(history: GaugeSeries, ticks: readonly LiveTick[]): GaugeGrid {
  const { stepMs } = history;
  const index = (at: string) => Math.floor(Date.parse(at) / stepMs);
  const steps = new Map<number, Step>(history.points.map((point) => [index(point.at), point]));
  const newest = index(history.points.at(-1)?.at ?? history.from);
  // The newest stored step was not over when it was asked for.
  const heard = Map.groupBy(
    ticks.filter((tick) => index(tick.at) >= newest),
    (tick) => index(tick.at),
  );
  const hidden = history.points.at(-1)?.gauges;
  for (const [step, inStep] of heard) {
    if (inStep.length > (steps.get(step)?.samples ?? 0)) steps.set(step, sumUp(inStep, hidden));
  }
  const first = index(history.from);
  const end = Math.ceil(Date.parse(history.to) / stepMs);
  const last = Math.max(end - 1, ...heard.keys());
  const shift = last - (end - 1);
  const count = Math.min(end - first, maxSteps);
  const numbers = Array.from({ length: count }, (_, offset) => first + shift + offset);
  return {
    x: numbers.map((number) => (number * stepMs) / 1000),
    stepMs,
    column: (name, which = 'mean') => numbers.map((number) => steps.get(number)?.gauges[name]?.[which] ?? null),
  };
}

/** Of the newest tick of a step. A chart of seconds is made anew every second, and all but one of them are what they were. */
const sums = new WeakMap<LiveTick, Step & { readonly hidden: Values | undefined }>();

/** `hidden`: what the platform did not say of the past, it does not say of now. */
function sumUp(ticks: readonly LiveTick[], hidden: Values | undefined): Step {
  const newest = ticks.at(-1);
  const before = newest === undefined ? undefined : sums.get(newest);
  if (before?.samples === ticks.length && before.hidden === hidden) return before;
  const step = { ...sumOf(ticks, hidden), hidden };
  if (newest !== undefined) sums.set(newest, step);
  return step;
}

function sumOf(ticks: readonly LiveTick[], hidden: Values | undefined): Step {
  const samples = ticks.map(({ gauges }) => gaugeValues(gauges));
  const names = Object.keys(samples[0] ?? {}) as GaugeName[];
  const gauges = names.map((name) => {
    const values = samples.map((sample) => sample[name]);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return [name, hidden?.[name] === null ? null : { mean, max: Math.max(...values) }];
  });
  return { samples: ticks.length, gauges: Object.fromEntries(gauges) };
}
