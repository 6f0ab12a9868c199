import type { InvocationId } from '../../shared/ids.ts';

/** Where an attempt stands in a distributed trace (W3C Trace Context, https://www.w3.org/TR/trace-context/). Ids are lower-case hex. */
export interface TraceContext {
  /** 32 digits. The caller's, or one made from the invocation id. */
  readonly traceId: string;
  /** 16 digits: the span of this attempt. */
  readonly spanId: string;
  /** The caller's span; undefined where the trace begins here. */
  readonly parentSpanId: string | undefined;
  /** What the caller decided; undefined where the trace begins here. */
  readonly isSampled: boolean | undefined;
}

interface TracedCall {
  readonly id: InvocationId;
  /** 1 for the first. */
  readonly attempt: number;
  readonly traceparent: string | undefined;
}

const traceparentPattern = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;
const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';
const idChars = 26;
const low128 = (1n << 128n) - 1n;
const low64 = (1n << 64n) - 1n;

/**
 * The context of one attempt. Everything is computed from the invocation id, so that whoever has the id (the agent's call, the exporter, a person with a
 * record) names the same trace and span without anything being kept.
 */
export function traceContextOf({ id, attempt, traceparent }: TracedCall): TraceContext {
  const own = numberOf(id);
  // An id has 80 random bits at its end: a span of 64 of them is unique within a trace, and attempts differ.
  const spanId = hex(nonZero((own & low64) ^ BigInt(attempt - 1)), 16);
  const match = traceparent === undefined ? null : traceparentPattern.exec(traceparent);
  if (match === null)
    return { traceId: hex(nonZero(own & low128), 32), spanId, parentSpanId: undefined, isSampled: undefined };
  const [, traceId = '', parentSpanId, flags = '00'] = match;
  return { traceId, spanId, parentSpanId, isSampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

/** The header that the function is given, so that what it calls becomes a child of its own span. */
export function traceparentOf({ traceId, spanId, isSampled }: TraceContext): string {
  return `00-${traceId}-${spanId}-${isSampled === false ? '00' : '01'}`;
}

function numberOf(id: InvocationId): bigint {
  let value = 0n;
  for (const char of id.slice(-idChars)) value = (value << 5n) | BigInt(Math.max(0, alphabet.indexOf(char)));
  return value;
}

/** All zeros means "no id" in the standard. */
function nonZero(value: bigint): bigint {
  return value === 0n ? 1n : value;
}

function hex(value: bigint, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}
