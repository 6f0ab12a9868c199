/**
 * OTLP/HTTP in its JSON encoding (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding): names in lowerCamelCase, 64-bit numbers as decimal
 * strings, ids as hex, enumerations as numbers. Only what Hearth sends.
 */

type AttributeValue = string | number | boolean;
export type Attributes = Readonly<Record<string, AttributeValue | undefined>>;

type AnyValue =
  | { readonly stringValue: string }
  | { readonly boolValue: boolean }
  | { readonly intValue: string }
  | { readonly doubleValue: number };
export interface KeyValue {
  readonly key: string;
  readonly value: AnyValue;
}

/** SpanKind and StatusCode of opentelemetry/proto/trace/v1/trace.proto. */
export const spanKind = { internal: 1, server: 2, consumer: 5 } as const;
export const statusCode = { unset: 0, error: 2 } as const;
/** AggregationTemporality of metrics.proto: totals since `startTimeUnixNano`. */
export const cumulative = 2;

export interface OtlpSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly KeyValue[];
  readonly status: { readonly code: number; readonly message?: string };
}

interface Point {
  readonly attributes: readonly KeyValue[];
  readonly startTimeUnixNano: string;
  readonly timeUnixNano: string;
}
export interface NumberPoint extends Point {
  readonly asInt?: string;
  readonly asDouble?: number;
}
export interface HistogramPoint extends Point {
  readonly count: string;
  readonly sum: number;
  /** One more than bounds: the last counts what lies above all. */
  readonly bucketCounts: readonly string[];
  readonly explicitBounds: readonly number[];
}
export interface OtlpMetric {
  readonly name: string;
  readonly description: string;
  readonly unit: string;
  readonly sum?: {
    readonly dataPoints: readonly NumberPoint[];
    readonly aggregationTemporality: number;
    readonly isMonotonic: boolean;
  };
  readonly histogram?: { readonly dataPoints: readonly HistogramPoint[]; readonly aggregationTemporality: number };
}

/** What is undefined is left out, and a number that JSON has no word for, which could come from inside a sandbox. */
export function keyValues(attributes: Attributes): KeyValue[] {
  return Object.entries(attributes).flatMap(([key, value]) => {
    const isNothing = value === undefined || (typeof value === 'number' && !Number.isFinite(value));
    return isNothing ? [] : [{ key, value: any(value) }];
  });
}

function any(value: AttributeValue): AnyValue {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value };
}

/** Milliseconds since 1970, also with fractions, as nanoseconds. */
export function unixNano(ms: number): string {
  const whole = Math.floor(ms);
  return String(BigInt(whole) * 1_000_000n + BigInt(Math.round((ms - whole) * 1e6)));
}

export interface Resource {
  readonly attributes: readonly KeyValue[];
}
const scope = (version: string) => ({ name: 'hearth', version });

export function traceRequest(resource: Resource, version: string, spans: readonly OtlpSpan[]) {
  return { resourceSpans: [{ resource, scopeSpans: [{ scope: scope(version), spans }] }] };
}

export function metricsRequest(resource: Resource, version: string, metrics: readonly OtlpMetric[]) {
  return { resourceMetrics: [{ resource, scopeMetrics: [{ scope: scope(version), metrics }] }] };
}
