import {
  type GaugeSeries,
  gaugeNames,
  type Histogram,
  type HistogramField,
  type Metrics,
} from '../../../shared/api/metrics.ts';
import { PlatformError } from '../../../shared/errors.ts';
import type { FunctionId } from '../../../shared/ids.ts';
import type { VersionTotals } from '../../core/policies/cost.ts';
import type { SeriesQuery } from '../../core/ports/metrics-reader.ts';
import { histogramOf } from '../aggregator/latency-histogram.ts';
import { Measurement } from '../aggregator/measurement.ts';
import { toMetricPoint } from '../aggregator/metric-point.ts';
import type { SeriesReader } from '../aggregator/series-reader.ts';
import { planSteps, type StepPlan, type StepRequest } from '../aggregator/step-plan.ts';
import { allFunctions, hostSeries, startOfStep } from '../aggregator/steps.ts';

type Availability = Pick<StepRequest, 'now' | 'secondsSince' | 'keepSlotsMs' | 'keepMinutesMs'>;

/** A chart: one point per step in which something happened, and the whole range as one. */
export async function querySeries(reader: SeriesReader, query: SeriesQuery, available: Availability): Promise<Metrics> {
  const { plan, steps } = await stepsOf(reader, query, available);
  const total = new Measurement();
  for (const [, step] of steps) total.merge(step);
  const points = steps.map(([at, step]) => toMetricPoint(step, at));
  return { ...headOf(plan), points, total: total.isQuiet ? null : toMetricPoint(total, plan.from) };
}

const sketches = {
  totalMs: (step: Measurement) => step.total,
  queuedMs: (step: Measurement) => step.queued,
  handlerMs: (step: Measurement) => step.handler,
  coldMs: (step: Measurement) => step.cold,
} as const satisfies Record<HistogramField, unknown>;

/** A heat map: per step how many calls took how long. */
export async function queryHistogram(
  reader: SeriesReader,
  query: SeriesQuery,
  field: HistogramField,
  available: Availability,
): Promise<Histogram> {
  const { plan, steps } = await stepsOf(reader, query, available);
  return { ...headOf(plan), ...histogramOf(steps.map(([at, step]) => [at, sketches[field](step)])) };
}

async function stepsOf(reader: SeriesReader, query: SeriesQuery, available: Availability) {
  if (query.functionId === undefined && query.version !== undefined) {
    throw new PlatformError('invalid_request', 'version_without_function', 'A version needs its `function`.');
  }
  const plan = planSteps({ ...available, from: query.from, to: query.to, stepMs: query.stepMs });
  const functionIds = query.functionId === undefined ? (query.functionIds ?? [allFunctions]) : [query.functionId];
  return { plan, steps: await readSteps(reader, plan, functionIds, query.version) };
}

/** What the host and the platform were doing: one point per step in which somebody looked. */
export async function queryGauges(
  reader: SeriesReader,
  query: Pick<SeriesQuery, 'from' | 'to' | 'stepMs'>,
  available: Availability,
): Promise<GaugeSeries> {
  const plan = planSteps({ ...available, ...query });
  const steps = await readSteps(reader, plan, [hostSeries], undefined);
  const points = steps.flatMap(([at, { gauges }]) => {
    if (gauges === undefined) return [];
    const values = gaugeNames.map((name) => [name, rounded(gauges.of(name))]);
    return [{ at: new Date(at).toISOString(), samples: gauges.samples, gauges: Object.fromEntries(values) }];
  });
  return { ...headOf(plan), points };
}

/** To a thousandth: a fraction of a byte helps nobody, and a chart has many points. */
function rounded(value: { readonly mean: number; readonly max: number } | null) {
  if (value === null) return null;
  const round = (one: number) => Math.round(one * 1_000) / 1_000;
  return { mean: value.mean > 1_000 ? Math.round(value.mean) : round(value.mean), max: round(value.max) };
}

function headOf({ from, to, stepMs }: StepPlan): Pick<Metrics, 'from' | 'to' | 'stepMs'> {
  return { from: new Date(from).toISOString(), to: new Date(to).toISOString(), stepMs };
}

/** The steps of a chart, oldest first, each with the start that it has. */
async function readSteps(
  reader: SeriesReader,
  plan: StepPlan,
  functionIds: readonly FunctionId[],
  version: number | undefined,
): Promise<readonly (readonly [number, Measurement])[]> {
  const steps = new Map<number, Measurement>();
  for (const { at, measurement } of await reader.read({ ...plan, functionIds, version })) {
    sumAt(steps, startOfStep(at, plan.stepMs)).merge(measurement);
  }
  return [...steps].toSorted(([a], [b]) => a - b);
}

/** Sums per function and version. */
export async function queryTotals(
  reader: SeriesReader,
  ids: readonly FunctionId[],
  range: { readonly from: number; readonly to: number },
  available: Availability,
): Promise<ReadonlyMap<FunctionId, readonly VersionTotals[]>> {
  const plan = planSteps({ ...available, ...range, stepMs: undefined });
  const functionIds = [...new Set(ids)];
  const sums = new Map<FunctionId, Map<number, Measurement>>();
  for (const { functionId, version, measurement } of await reader.read({ ...plan, functionIds, version: undefined })) {
    if (measurement.isQuiet) continue;
    const versions = sums.get(functionId) ?? new Map<number, Measurement>();
    sums.set(functionId, versions);
    sumAt(versions, version).merge(measurement);
  }
  return new Map(
    [...sums].map(([id, versions]) => [id, [...versions].map(([version, sum]) => totalsOf(version, sum))]),
  );
}

function totalsOf(version: number, sum: Measurement): VersionTotals {
  const { invocations, coldStarts, cpuMs, initMs, responseBytes, networkSentBytes, handler } = sum;
  const handlerMs = handler?.sum ?? 0;
  return { version, invocations, coldStarts, cpuMs, handlerMs, initMs, responseBytes, networkSentBytes };
}

function sumAt(steps: Map<number, Measurement>, at: number): Measurement {
  const known = steps.get(at);
  if (known !== undefined) return known;
  const sum = new Measurement();
  steps.set(at, sum);
  return sum;
}
