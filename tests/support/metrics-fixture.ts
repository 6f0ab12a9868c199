import type { Invocation } from '../../backend/core/invocation.ts';
import type { MetricEvent } from '../../backend/core/ports/metrics-sink.ts';
import type { VersionSpec } from '../../backend/core/version.ts';
import { MetricsCollector, type MetricsCollectorOptions } from '../../backend/metrics/collector/metrics-collector.ts';
import { type BundleDigest, type FunctionId, type InstanceId, newId, type VersionId } from '../../shared/ids.ts';
import type { InvocationOutcome, StartKind, TriggerKind } from '../../shared/invocation.ts';
import type { VersionConfig } from '../../shared/version-config.ts';
import { ManualClock } from '../fakes/manual-clock.ts';
import { MemoryMetricPoints } from '../fakes/memory-stores.ts';

/** A whole hour, so that steps of every size start here. */
export const startAt = Date.UTC(2030, 0, 1, 12);
export const functionA = 'fn_a' as FunctionId;
export const functionB = 'fn_b' as FunctionId;

function versionOf(functionId: FunctionId, functionName: string, version: number): VersionSpec {
  const versionId = `ver_${functionName}${version}` as VersionId;
  return { versionId, functionId, functionName, version, digest: '' as BundleDigest, config: {} as VersionConfig };
}
export const versionA1 = versionOf(functionA, 'a', 1);
export const versionA2 = versionOf(functionA, 'a', 2);
export const versionB1 = versionOf(functionB, 'b', 1);

export interface InvocationFacts {
  readonly at: number;
  readonly version?: VersionSpec;
  readonly trigger?: TriggerKind;
  readonly totalMs?: number;
  readonly start?: StartKind;
  readonly outcome?: InvocationOutcome;
  readonly httpStatus?: number;
  readonly peakMemoryBytes?: number;
}

/** A request for `GET /a?key=secret`. */
function attempt({ version, trigger, at }: Pick<Invocation, 'version' | 'trigger'> & { at: number }): Invocation {
  return {
    id: newId('invocation', at),
    version,
    qualifier: 'live',
    trigger,
    request: {
      kind: 'http',
      method: 'GET',
      target: '/a?key=secret',
      headers: [],
      clientAddress: '192.0.2.1',
      scheme: 'http',
      host: 'fn.example.org',
      params: {},
      body: Buffer.alloc(0),
    },
    acceptedAt: at,
    enteredAt: 0,
    deadlineAt: at + 30_000,
    attempt: 1,
    traceparent: undefined,
    depth: 0,
    replayOf: undefined,
  };
}

/** A cold start has phases of 20, 5 and 10 ms. */
export function invocation(facts: InvocationFacts): Extract<MetricEvent, { kind: 'invocation' }> {
  const {
    at,
    version = versionA1,
    trigger = 'http',
    totalMs = 2,
    start = 'warm',
    outcome = { kind: 'success' },
    peakMemoryBytes = 50_000_000,
  } = facts;
  const isCold = start !== 'warm';
  const phases = isCold
    ? { acquireMs: 40, bootMs: 20, loadMs: 5, initMs: 10 }
    : { acquireMs: 0, bootMs: 0, loadMs: 0, initMs: 0 };
  return {
    kind: 'invocation',
    at,
    version,
    trigger,
    invocation: attempt({ version, trigger, at }),
    report: {
      outcome,
      start,
      instanceId: 'ins_1' as InstanceId,
      httpStatus: facts.httpStatus,
      timing: { queuedMs: 0.5, ...phases, firstByteMs: 1, handlerMs: totalMs * 0.8, flushMs: 0, totalMs },
      usage: { cpuMs: 1.5, peakMemoryBytes, requestBytes: 100, responseBytes: 1_000 },
    },
  };
}

/** Collects what is logged as a warning or an error. */
export function recordingLogger() {
  const messages: string[] = [];
  const keep = (_detail: object, message: string) => {
    messages.push(message);
  };
  return { messages, logger: { debug: () => {}, info: () => {}, warn: keep, error: keep } };
}

export const quietHost = {
  cpuPercent: 12.5,
  cpus: 2,
  memoryUsedBytes: 1_000,
  memoryTotalBytes: 4_000,
  platformRssBytes: 500,
  diskFreeBytes: 9_000,
  diskTotalBytes: 20_000,
  loopLagMs: 3,
};

export interface CollectOptions
  extends Partial<Pick<MetricsCollectorOptions, 'maxSeries' | 'maxPendingPoints' | 'gauges'>> {
  readonly points?: MemoryMetricPoints;
  readonly now?: number;
  readonly isStarted?: boolean;
}

/** A collector on a manual clock and a store in memory. */
export function collect(options: CollectOptions = {}) {
  const { points = new MemoryMetricPoints(), now = startAt, isStarted = true, ...rest } = options;
  const clock = new ManualClock(now);
  const { logger, messages } = recordingLogger();
  const ids = new Map([
    ['a', functionA],
    ['b', functionB],
  ]);
  const collector = new MetricsCollector({
    store: { metricPoints: points },
    clock,
    logger,
    gauges: { pool: () => undefined, scheduler: () => undefined, host: () => quietHost },
    functionIdOf: (name) => ids.get(name),
    ...rest,
  });
  if (isStarted) collector.start();
  return { collector, clock, points, warnings: () => messages };
}
