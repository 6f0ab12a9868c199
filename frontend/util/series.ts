import type { FunctionDocument } from '../../shared/api/functions.ts';
import type { LiveTick, MetricPoint, Metrics } from '../../shared/api/metrics.ts';
import { formatCount, formatPercent } from './format.ts';

/** A column per step of the window; null where nothing is known. */
export type Column = readonly (number | null)[];

/** What a failed invocation counts as in the charts. */
export const requestGroups = ['Success', 'Function error', 'Timeout or limit', 'Platform', 'Throttled'] as const;
export type RequestGroup = (typeof requestGroups)[number];

const platformKinds = new Set([
  'platform-fault',
  'sandbox-lost',
  'capacity',
  'driver',
  'shutting-down',
  'protocol',
  'cancelled',
]);

export function groupOfErrorKind(kind: string): RequestGroup {
  if (kind === 'function-error') return 'Function error';
  return platformKinds.has(kind) ? 'Platform' : 'Timeout or limit';
}

/** The counters of one step by group. Errors that name no kind count as errors of the function. */
export function countsByGroup(point: MetricPoint): Readonly<Record<RequestGroup, number>> {
  const counts: Record<RequestGroup, number> = {
    Success: Math.max(0, point.invocations - point.errors),
    'Function error': 0,
    'Timeout or limit': 0,
    Platform: 0,
    Throttled: point.throttles,
  };
  let named = 0;
  for (const [kind, count] of Object.entries(point.errorsByKind)) {
    counts[groupOfErrorKind(kind)] += count;
    named += count;
  }
  counts['Function error'] += Math.max(0, point.errors - named);
  return counts;
}

/** The steps of a window on a regular grid: seconds since 1970, and the point of each step or undefined. */
export function gridOf(metrics: Metrics): {
  readonly x: readonly number[];
  readonly points: readonly (MetricPoint | undefined)[];
} {
  const from = Math.floor(Date.parse(metrics.from) / metrics.stepMs) * metrics.stepMs;
  const to = Date.parse(metrics.to);
  const byStep = new Map(metrics.points.map((point) => [Math.floor(Date.parse(point.at) / metrics.stepMs), point]));
  const x: number[] = [];
  const points: (MetricPoint | undefined)[] = [];
  for (let at = from; at < to && x.length < 5000; at += metrics.stepMs) {
    x.push(at / 1000);
    points.push(byStep.get(Math.floor(at / metrics.stepMs)));
  }
  return { x, points };
}

/** Requests per second of each group. */
export function requestColumns(
  points: readonly (MetricPoint | undefined)[],
  stepMs: number,
): Readonly<Record<RequestGroup, Column>> {
  const perStep = points.map((point) => (point === undefined ? undefined : countsByGroup(point)));
  const column = (group: RequestGroup): Column =>
    perStep.map((counts) => (counts === undefined ? null : counts[group] / (stepMs / 1000)));
  return {
    Success: column('Success'),
    'Function error': column('Function error'),
    'Timeout or limit': column('Timeout or limit'),
    Platform: column('Platform'),
    Throttled: column('Throttled'),
  };
}

/** Kinds of errors that get a colour of their own; the rarer ones are added up. */
const maxErrorKinds = 4;

/** Errors per second by their kind, the most frequent first, the rest as `other`. */
export function errorKindColumns(
  points: readonly (MetricPoint | undefined)[],
  stepMs: number,
): readonly { readonly kind: string; readonly values: Column }[] {
  const sums = new Map<string, number>();
  for (const point of points) {
    for (const [kind, count] of Object.entries(point?.errorsByKind ?? {})) {
      sums.set(kind, (sums.get(kind) ?? 0) + count);
    }
  }
  const kinds = [...sums].toSorted((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).map(([kind]) => kind);
  const rare = new Set(kinds.slice(kinds.length > maxErrorKinds + 1 ? maxErrorKinds : kinds.length));
  const column = (pick: (kind: string) => boolean): Column =>
    points.map((point) => {
      if (point === undefined) return null;
      const counts = Object.entries(point.errorsByKind).filter(([kind]) => pick(kind));
      return counts.reduce((sum, [, count]) => sum + count, 0) / (stepMs / 1000);
    });
  const named = kinds
    .filter((kind) => !rare.has(kind))
    .map((kind) => ({ kind, values: column((other) => other === kind) }));
  return rare.size === 0 ? named : [...named, { kind: 'other', values: column((kind) => rare.has(kind)) }];
}

/** `before` goes on with `fresh`, which knows better what it covers; steps before `fromMs` are let go. */
export function extendSeries(before: Metrics, fresh: Metrics, fromMs: number): Metrics {
  const freshFrom = Date.parse(fresh.from);
  const kept = before.points.filter((point) => Date.parse(point.at) >= fromMs && Date.parse(point.at) < freshFrom);
  const from = new Date(Math.max(fromMs, Date.parse(before.from))).toISOString();
  return { ...fresh, from, points: [...kept, ...fresh.points], total: null };
}

export const errorShare = (total: Pick<MetricPoint, 'invocations' | 'errors'> | null | undefined): number | null =>
  total === null || total === undefined || total.invocations === 0 ? null : total.errors / total.invocations;

/** Adds columns up, so that each can be drawn on top of the ones before it. Null stays null only where all are. */
export function stackColumns(columns: readonly Column[]): readonly Column[] {
  const sums: (number | null)[] = [];
  return columns.map((column) =>
    column.map((value, index) => {
      const below = sums[index] ?? null;
      const sum = value === null && below === null ? null : (value ?? 0) + (below ?? 0);
      sums[index] = sum;
      return sum;
    }),
  );
}

/** Seconds since 1970 at which a chart begins and ends: what is known, and at least `minSpanSeconds` before its last point. One point alone has no width. */
export function timeSpan(x: ArrayLike<number>, minSpanSeconds: number, now: number): readonly [number, number] {
  const last = x[x.length - 1] ?? now;
  return [Math.min(x[0] ?? last, last - minSpanSeconds), last];
}

/** The powers of ten around what a logarithmic scale shows, at most six of them; what is smaller lies on its lower end. */
export function logRange(min: number | null, max: number | null): readonly [number, number] {
  const top = 10 ** Math.ceil(Math.log10(Math.max(max ?? 0, 0.1) * 1.01));
  const bottom = 10 ** Math.floor(Math.log10(min !== null && min > 0 ? min : top / 10));
  return [Math.min(top / 10, Math.max(bottom, top / 1e6)), top];
}

/** Errors among the calls of each step; null where there were none. */
export const errorColumn = (points: readonly (MetricPoint | undefined)[]): Column => points.map(errorShare);

/** Requests per second over the last `seconds` ticks. */
export function liveRate(ticks: readonly LiveTick[], seconds: number): number | null {
  const last = ticks.slice(-seconds);
  if (last.length === 0) return null;
  const spanMs = last.reduce((sum, tick) => sum + tick.stepMs, 0);
  const count = last.reduce((sum, tick) => sum + (tick.total?.invocations ?? 0), 0);
  return spanMs === 0 ? null : count / (spanMs / 1000);
}

export interface Health {
  readonly level: 'good' | 'bad' | 'idle';
  readonly sentence: string;
  /** The same without numbers, which change with every call. */
  readonly verdict: string;
  /** Functions that fail, the worst first. */
  readonly failing: readonly FunctionDocument[];
}

/** One sentence about the last hour. A function is failing when one call in fifty, and at least two calls, went wrong. */
export function healthOf(functions: readonly FunctionDocument[]): Health {
  const withStats = functions.filter((fn) => fn.stats !== undefined);
  const invocations = withStats.reduce((sum, fn) => sum + (fn.stats?.invocations ?? 0), 0);
  const share = (fn: FunctionDocument) => (fn.stats?.errors ?? 0) / Math.max(1, fn.stats?.invocations ?? 0);
  const failing = withStats
    .filter((fn) => (fn.stats?.errors ?? 0) >= 2 && share(fn) >= 0.02)
    .sort((a, b) => share(b) - share(a));
  if (failing.length > 0) {
    const names = failing.slice(0, 3).map((fn) => `${fn.name} (${formatPercent(share(fn))})`);
    const more = failing.length > 3 ? ` and ${failing.length - 3} more` : '';
    const subject = failing.length === 1 ? '1 function is failing' : `${failing.length} functions are failing`;
    const verdict = `${subject}: ${failing
      .slice(0, 3)
      .map((fn) => fn.name)
      .join(', ')}${more}`;
    return { level: 'bad', sentence: `${subject}: ${names.join(', ')}${more}`, verdict, failing };
  }
  const idle = 'No calls in the last hour';
  if (invocations === 0) return { level: 'idle', sentence: idle, verdict: idle, failing };
  const calls = invocations === 1 ? '1 call' : `${formatCount(invocations)} calls`;
  return { level: 'good', sentence: `All good: ${calls} in the last hour`, verdict: 'All good', failing };
}
