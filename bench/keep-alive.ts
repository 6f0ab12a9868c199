import type { IdleHistogram } from '../backend/core/policies/idle-histogram.ts';
import {
  defaultKeepAliveSettings,
  fixedPlan,
  type KeepAlivePlan,
  planKeepAlive,
} from '../backend/core/policies/keep-alive.ts';
import { hourMs, minuteMs } from '../shared/durations.ts';
import { type FunctionTrace, tracesOf } from '../tests/support/invocation-traces.ts';
import { type KeepAliveOutcome, playTrace } from '../tests/support/keep-alive-simulation.ts';
import { median, percentile, type Row, row } from './support/numbers.ts';
import { progress } from './support/progress.ts';

const seeds = [1, 2, 3, 4, 5];
const fixed = (ms: number) => (): KeepAlivePlan => fixedPlan('fixed', ms, '');
const policies: Readonly<Record<string, (seen: IdleHistogram) => KeepAlivePlan>> = {
  'fixed 10 min': fixed(10 * minuteMs),
  'fixed 1 h': fixed(hourMs),
  'fixed 4 h': fixed(4 * hourMs),
  predictive: (seen) => planKeepAlive(seen, defaultKeepAliveSettings),
  "predictive, the paper's fall-back (4 h)": (seen) =>
    planKeepAlive(seen, { ...defaultKeepAliveSettings, fallbackMs: 4 * hourMs }),
};
const baseline = 'fixed 10 min';

interface Summary {
  /** Of all calls, 0 to 1. */
  readonly coldShare: number;
  /** The share of cold starts of the function at the 50th and 75th percentile of functions. */
  readonly medianShare: number;
  readonly upperShare: number;
  readonly wastedHours: number;
}

/** Keep-alive policies on simulated weeks of 1,000 functions: no clock, no sandbox, the same on every machine. */
export function keepAlive(): Promise<readonly Row[]> {
  const weeks = seeds.map((seed) => tracesOf({ functions: 1000, days: 7, seed, maxPerDay: 2880 }));
  const rows: Row[] = [];
  for (const kind of [undefined, 'timer', 'near-periodic', 'poisson', 'bursty'] as const) {
    progress(kind ?? 'all kinds');
    const traces = weeks.map((week) => week.filter((trace) => kind === undefined || trace.kind === kind));
    rows.push(...compare(kind ?? 'all', traces));
  }
  return Promise.resolve(rows);
}

function compare(group: string, weeks: readonly (readonly FunctionTrace[])[]): Row[] {
  const measured = Object.entries(policies).map(([name, plan]) => {
    const summaries = weeks.map((week) => summarise(week.map((trace) => playTrace(trace, plan))));
    return { name, summaries };
  });
  const base = measured.find(({ name }) => name === baseline)?.summaries ?? [];
  const middle = (of: readonly Summary[], what: keyof Summary) => median(of.map((summary) => summary[what]));
  return measured.map(({ name, summaries }) => {
    const cold = middle(summaries, 'coldShare');
    const coldRatio = cold / middle(base, 'coldShare');
    const wastedRatio = middle(summaries, 'wastedHours') / middle(base, 'wastedHours');
    const value = [
      `cold ${percent(cold)} of calls (${coldRatio.toFixed(2)} x)`,
      `functions p50 ${percent(middle(summaries, 'medianShare'))}, p75 ${percent(middle(summaries, 'upperShare'))}`,
      `wasted memory time ${wastedRatio.toFixed(2)} x`,
    ].join('; ');
    const isGoal = name === 'predictive' && group === 'all';
    const goal = isGoal ? 'at most 0.7 x cold starts of fixed 10 min, at most 1.5 x memory time' : '';
    return row(`${group}: ${name}`, value, goal, isGoal ? coldRatio <= 0.7 && wastedRatio <= 1.5 : undefined);
  });
}

function summarise(outcomes: readonly KeepAliveOutcome[]): Summary {
  const called = outcomes.filter(({ calls }) => calls > 1);
  const sum = (what: keyof KeepAliveOutcome) => called.reduce((total, outcome) => total + outcome[what], 0);
  const shares = called.map(({ calls, coldStarts }) => coldStarts / calls);
  return {
    coldShare: sum('coldStarts') / sum('calls'),
    medianShare: percentile(shares, 50),
    upperShare: percentile(shares, 75),
    wastedHours: sum('wastedMs') / hourMs,
  };
}

const percent = (share: number): string => `${(100 * share).toFixed(share < 0.1 ? 2 : 1)} %`;
