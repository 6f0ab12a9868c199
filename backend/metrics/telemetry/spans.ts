import { createHash } from 'node:crypto';
import type { InvocationId } from '../../../shared/ids.ts';
import { errorOfOutcome, isColdStart, type TriggerKind } from '../../../shared/invocation.ts';
import { phaseNames, phasesOf } from '../../../shared/phases.ts';
import type { InvocationReport } from '../../core/invocation.ts';
import type { MetricEvent } from '../../core/ports/metrics-sink.ts';
import { type TraceContext, traceContextOf } from '../../core/trace-context.ts';
import { type Attributes, keyValues, type OtlpSpan, spanKind, statusCode, unixNano } from './otlp-json.ts';

export type InvocationEvent = Extract<MetricEvent, { kind: 'invocation' }>;

/** What a span is made from: an event without bodies and headers, so that those waiting to be sent hold little. */
export interface SpanFacts extends Pick<InvocationEvent, 'at' | 'version' | 'trigger' | 'report'> {
  readonly id: InvocationId;
  readonly attempt: number;
  readonly traceparent: string | undefined;
  readonly http: Attributes | undefined;
}

export function spanFactsOf({ at, version, trigger, report, invocation }: InvocationEvent): SpanFacts {
  const { id, attempt, traceparent, request } = invocation;
  const http =
    request.kind === 'http'
      ? {
          'http.request.method': request.method,
          // Without the query, which is where secrets travel.
          'url.path': request.target.split('?', 1)[0] ?? '/',
          'url.scheme': request.scheme,
          'server.address': request.host,
          'client.address': request.clientAddress,
          'http.response.status_code': report.httpStatus,
        }
      : undefined;
  return { at, version, trigger, report, id, attempt, traceparent, http };
}

/** `faas.trigger` of OpenTelemetry's semantic conventions. */
export const faasTriggers: Readonly<Record<TriggerKind, string>> = {
  http: 'http',
  api: 'other',
  async: 'pubsub',
  schedule: 'timer',
  replay: 'other',
};

/** The span of an attempt and one for each phase that took time. */
export function spansOf(facts: SpanFacts): OtlpSpan[] {
  const { report, version, trigger, http } = facts;
  const context = traceContextOf(facts);
  const startMs = facts.at - report.timing.totalMs;
  const error = errorOfOutcome(report.outcome);
  const isError = error !== undefined || (report.httpStatus ?? 0) >= 500;
  const attributes: Attributes = {
    'faas.name': version.functionName,
    'faas.version': String(version.version),
    'faas.trigger': faasTriggers[trigger],
    'faas.invocation_id': facts.id,
    'faas.instance': report.instanceId,
    'faas.coldstart': isColdStart(report.start),
    'faas.max_memory': version.config.memoryMb * 1_048_576,
    'hearth.attempt': facts.attempt,
    'hearth.start': report.start,
    'hearth.isolation': version.config.isolation,
    'hearth.cpu_ms': report.usage.cpuMs,
    'hearth.peak_memory_bytes': report.usage.peakMemoryBytes,
    'error.type': error?.type,
    ...http,
  };
  const method = http?.['http.request.method'];
  const isAsked = trigger === 'http' || trigger === 'api';
  const root: OtlpSpan = {
    traceId: context.traceId,
    spanId: context.spanId,
    ...(context.parentSpanId === undefined ? {} : { parentSpanId: context.parentSpanId }),
    name: method === undefined ? version.functionName : `${method} ${version.functionName}`,
    kind: isAsked ? spanKind.server : spanKind.consumer,
    startTimeUnixNano: unixNano(startMs),
    endTimeUnixNano: unixNano(facts.at),
    attributes: keyValues(attributes),
    status: isError
      ? { code: statusCode.error, ...(error === undefined ? {} : { message: error.message }) }
      : { code: statusCode.unset },
  };
  return [root, ...phaseSpans(context, report, startMs)];
}

/** Handing a warm call on takes microseconds, which nobody would see as a span. */
const shortestPhaseMs = 0.02;

/** The phases follow one another; each has an id made from the attempt's and its name. */
function phaseSpans({ traceId, spanId }: TraceContext, report: InvocationReport, startMs: number): OtlpSpan[] {
  let atMs = startMs;
  const phases = phasesOf(report.timing);
  return phaseNames.flatMap((name) => {
    const tookMs = phases[name];
    const from = atMs;
    atMs += tookMs;
    if (tookMs < shortestPhaseMs) return [];
    return [
      {
        traceId,
        spanId: createHash('sha256').update(`${spanId}/${name}`).digest('hex').slice(0, 16),
        parentSpanId: spanId,
        name,
        kind: spanKind.internal,
        startTimeUnixNano: unixNano(from),
        endTimeUnixNano: unixNano(atMs),
        attributes: [],
        status: { code: statusCode.unset },
      },
    ];
  });
}
