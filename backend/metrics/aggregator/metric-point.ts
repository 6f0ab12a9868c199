import type { MetricPoint } from '../../../shared/api/metrics.ts';
import { startLayers } from '../../../shared/invocation.ts';
import type { ColdPhases } from './cold-phases.ts';
import type { DdSketch } from './dd-sketch.ts';
import type { Measurement } from './measurement.ts';

const shares = [0.5, 0.95, 0.99] as const;

/** A measurement as the API shows it; `at` is the start of its step, in ms since 1970. */
export function toMetricPoint(measurement: Measurement, at: number): MetricPoint {
  const { total, cold, coldStarts, handler, memory } = measurement;
  const coldPercentiles = percentilesOf(cold);
  const totalPercentiles = percentilesOf(total);
  const memoryPercentiles = percentilesOf(memory);
  return {
    at: new Date(at).toISOString(),
    invocations: measurement.invocations,
    errors: measurement.errors,
    errorsByKind: Object.fromEntries(measurement.errorsByKind),
    throttles: measurement.throttles,
    refusals: measurement.refusals,
    coldStarts,
    starts: Object.fromEntries(startLayers.map((layer) => [layer, measurement.starts(layer)])) as MetricPoint['starts'],
    totalMs: total && totalPercentiles ? { ...totalPercentiles, max: total.max, mean: total.mean } : null,
    queuedMs: percentilesOf(measurement.queued),
    handlerMs: percentilesOf(handler),
    handlerTotalMs: handler?.sum ?? 0,
    coldMs: coldPercentiles
      ? {
          ...coldPercentiles,
          boot: measurement.bootMs / coldStarts,
          load: measurement.loadMs / coldStarts,
          init: measurement.initMs / coldStarts,
        }
      : null,
    coldPhases: coldPhasesOf(measurement.coldPhases, cold),
    cpuMs: measurement.cpuMs,
    peakMemoryBytes: measurement.peakMemoryBytes,
    memoryBytes: memory && memoryPercentiles ? { ...memoryPercentiles, max: memory.max } : null,
    requestBytes: measurement.requestBytes,
    responseBytes: measurement.responseBytes,
    batches: batchesOf(measurement),
    sharedCalls: measurement.sharedCalls,
    networkReceivedBytes: measurement.networkReceivedBytes,
    networkSentBytes: measurement.networkSentBytes,
    diskReadBytes: measurement.diskReadBytes,
    diskWrittenBytes: measurement.diskWrittenBytes,
  };
}

function coldPhasesOf(phases: ColdPhases | undefined, cold: DdSketch | undefined): MetricPoint['coldPhases'] {
  if (phases === undefined) return null;
  const of = (sketch: DdSketch | undefined) => {
    const [p50 = 0, p95 = 0] = sketch?.quantiles([0.5, 0.95]) ?? [];
    return { p50, p95 };
  };
  return {
    queuedMs: of(phases.of('queuedMs')),
    acquireMs: of(cold),
    bootMs: of(phases.of('bootMs')),
    loadMs: of(phases.of('loadMs')),
    initMs: of(phases.of('initMs')),
  };
}

function batchesOf({ batches, batchedInvocations, batchWaitMs }: Measurement): MetricPoint['batches'] {
  if (batches === 0) return null;
  return { count: batches, invocations: batchedInvocations, meanWaitMs: batchWaitMs / batches };
}

function percentilesOf(sketch: DdSketch | undefined): { p50: number; p95: number; p99: number } | null {
  if (sketch === undefined || sketch.count === 0) return null;
  const [p50 = 0, p95 = 0, p99 = 0] = sketch.quantiles(shares);
  return { p50, p95, p99 };
}
