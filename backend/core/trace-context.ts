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

/** Version 00; ids of zeros are none. */
const traceparentPattern = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})$/;

/** Whether a header can be continued; one that cannot is dropped, and the trace begins anew. */
export const isTraceparent = (header: string): boolean => traceparentPattern.test(header);

/**
 * The context of one attempt. Everything is computed from the invocation id, so that whoever has the id (the agent's call, the exporter, a person with a
 * record) names the same trace and span without anything being kept.
 */
export function traceContextOf({ id, attempt, traceparent }: TracedCall): TraceContext {
  const own = hexOf(id);
  const spanId = spanIdOf(own, attempt);
  const match = traceparent === undefined ? null : traceparentPattern.exec(traceparent);
  if (match === null) return { traceId: nonZero(own), spanId, parentSpanId: undefined, isSampled: undefined };
  const [, traceId = '', parentSpanId, flags = '00'] = match;
  return { traceId, spanId, parentSpanId, isSampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

/** Whether an attempt is exported: what the caller decided, else this share of traces, the same for every span of a trace. */
export function isSampled({ isSampled: decided, traceId }: TraceContext, ratio: number): boolean {
  if (decided !== undefined) return decided;
  // As TraceIdRatioBased of the specification: the trace id is the random number.
  return Number.parseInt(traceId.slice(-13), 16) < ratio * 2 ** 52;
}

/** The header that the function is given, so that what it calls becomes a child of its own span. `ratio`: 0 where nothing is exported. */
export function traceparentOf(context: TraceContext, ratio: number): string {
  return `00-${context.traceId}-${context.spanId}-${isSampled(context, ratio) ? '01' : '00'}`;
}

const idChars = 26;
/** Of Crockford's base 32 by character code; what is none of its digits counts as 0. */
const digits = new Uint8Array(128);
for (const [value, char] of [...'0123456789abcdefghjkmnpqrstvwxyz'].entries()) digits[char.charCodeAt(0)] = value;
const bytes = Buffer.alloc(16);

/** The low 128 of an id's 130 bits. Once per call, so without big integers, and the text is made in one go. */
function hexOf(id: InvocationId): string {
  const from = id.length - idChars;
  let held = digits[id.charCodeAt(from)] ?? 0;
  // Two bits of the first character are beyond the 128.
  let bits = 3;
  let at = 0;
  for (let i = from + 1; i < id.length; i++) {
    held = ((held << 5) | (digits[id.charCodeAt(i)] ?? 0)) & 0x1fff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes[at++] = held >> bits;
  }
  return bytes.toString('hex');
}

/** An id has 80 random bits at its end: a span of 64 of them is unique within a trace, and attempts differ. */
function spanIdOf(own: string, attempt: number): string {
  const span = own.slice(16);
  if (attempt === 1) return nonZero(span);
  const low = (Number.parseInt(span.slice(8), 16) ^ (attempt - 1)) >>> 0;
  return nonZero(span.slice(0, 8) + low.toString(16).padStart(8, '0'));
}

/** All zeros means "no id" in the standard. */
function nonZero(hex: string): string {
  return /^0+$/.test(hex) ? hex.replace(/0$/, '1') : hex;
}
