import { z } from 'zod';
import { maxResponseMetaBytes, protocolVersion, Violation } from './frames.ts';

const milliseconds = z.number().min(0).max(Number.MAX_SAFE_INTEGER);
const helloSchema = z.object({
  protocol: z.literal(protocolVersion),
  runtime: z.string().max(64),
  runtimeVersion: z.string().max(64),
  pid: z.number().int().min(0),
  holdsCalls: z.boolean().optional(),
});
/** What an agent says of itself. Said from inside: for display only. */
export type Hello = z.infer<typeof helloSchema>;

const readySchema = z.object({
  style: z.enum(['event', 'fetch', 'asgi', 'wsgi']),
  handlesBatch: z.boolean(),
  importMs: milliseconds,
  initMs: milliseconds,
});
/** What a loaded version can do, and how long loading it took. */
export type Ready = z.infer<typeof readySchema>;

const usage = { cpuMs: milliseconds, peakMemoryBytes: z.number().min(0).max(Number.MAX_SAFE_INTEGER) };
const endSchema = z.object({ ...usage, background: z.boolean().optional() });
export type EndMessage = z.infer<typeof endSchema>;

const errorSchema = z.object({
  type: z.string(),
  message: z.string(),
  stack: z.string(),
  cpuMs: usage.cpuMs.optional(),
  peakMemoryBytes: usage.peakMemoryBytes.optional(),
  fatal: z.boolean().optional(),
});
export interface ErrorMessage {
  readonly type: string;
  readonly message: string;
  readonly stack: string;
  readonly cpuMs: number;
  readonly peakMemoryBytes: number;
  readonly fatal: boolean;
}

export interface ResponseMeta {
  readonly status: number;
  readonly headers: readonly string[];
  readonly event: boolean;
  readonly cpuMs: number;
  readonly peakMemoryBytes: number;
  readonly background: boolean;
}

/** What is sent in INIT. */
export interface InitMessage {
  readonly functionName: string;
  readonly functionVersion: number;
  readonly handler: string;
  readonly codeDirectory: string;
  readonly env: Readonly<Record<string, string>>;
  readonly memoryLimitMb: number;
  readonly concurrency: number;
  readonly initTimeoutMs: number;
  readonly maxResponseBytes: number;
  readonly logLimitBytes: number;
  readonly logLineBytes: number;
}

/** What of an error is kept; an agent may send more. */
const kept = { type: 256, message: 16_384, stack: 65_536 } as const;

function parseJson(name: string, payload: Buffer): unknown {
  try {
    return JSON.parse(payload.toString('utf8'));
  } catch {
    throw new Violation(`${name} is not JSON`);
  }
}

function checked<T>(schema: z.ZodType<T>, name: string, payload: Buffer): T {
  const parsed = schema.safeParse(parseJson(name, payload));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues as [z.core.$ZodIssue];
  throw new Violation(`${name} does not fit its schema: ${issue.path.join('.')} ${issue.message}`);
}

/** Each of these throws `Violation` when the payload is not what the protocol says. */
export function parseHello(payload: Buffer): Hello {
  return checked(helloSchema, 'HELLO', payload);
}
export function parseReady(payload: Buffer): Ready {
  return checked(readySchema, 'READY', payload);
}
export function parseEnd(payload: Buffer): EndMessage {
  return checked(endSchema, 'END', payload);
}
export function parseError(payload: Buffer): ErrorMessage {
  const error = checked(errorSchema, 'ERROR', payload);
  return {
    type: error.type.slice(0, kept.type),
    message: error.message.slice(0, kept.message),
    stack: error.stack.slice(0, kept.stack),
    cpuMs: error.cpuMs ?? 0,
    peakMemoryBytes: error.peakMemoryBytes ?? 0,
    fatal: error.fatal ?? false,
  };
}

function isAmount(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER;
}

/** By hand instead of by schema: it is on the path of every call. */
export function parseResponse(
  payload: Buffer,
  isWhole: boolean,
): { readonly meta: ResponseMeta; readonly bodyAt: number } {
  if (payload.length < 4) throw new Violation('RESPONSE is too short');
  const metaBytes = payload.readUInt32BE(0);
  if (metaBytes > maxResponseMetaBytes || metaBytes + 4 > payload.length)
    throw new Violation('RESPONSE meta is too long');
  const bodyAt = 4 + metaBytes;
  const value = parseJson('RESPONSE', payload.subarray(4, bodyAt)) as Partial<
    Record<keyof ResponseMeta, unknown>
  > | null;
  if (typeof value !== 'object' || value === null) throw new Violation('RESPONSE meta is not an object');
  const { status, headers, event = false, cpuMs = 0, peakMemoryBytes = 0, background = false } = value;
  if (!isAmount(status) || !Number.isInteger(status)) throw new Violation('RESPONSE status is not a number');
  if (!Array.isArray(headers) || headers.length % 2 !== 0 || !headers.every((item) => typeof item === 'string')) {
    throw new Violation('RESPONSE headers are not pairs of strings');
  }
  if (typeof event !== 'boolean' || typeof background !== 'boolean')
    throw new Violation('RESPONSE flags are not boolean');
  if (!isAmount(cpuMs) || !isAmount(peakMemoryBytes)) throw new Violation('RESPONSE usage is not a number');
  if (isWhole && (value.cpuMs === undefined || value.peakMemoryBytes === undefined)) {
    throw new Violation('RESPONSE with END has no usage');
  }
  return { meta: { status, headers: headers as string[], event, cpuMs, peakMemoryBytes, background }, bodyAt };
}

export interface LogMessage {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly stream: 'stdout' | 'stderr';
  readonly truncated: boolean;
  readonly text: string;
  readonly textBytes: number;
}
const levels = ['debug', 'info', 'warn', 'error'] as const;

/** Text beyond `maxTextBytes` is cut, which agents do themselves. */
export function parseLog(payload: Buffer, maxTextBytes: number): LogMessage {
  if (payload.length < 4) throw new Violation('LOG is too short');
  const level = levels[payload[0] as number];
  const flags = payload.readUInt16BE(2);
  const stream = payload[1] as number;
  if (level === undefined || stream > 1 || flags > 1) throw new Violation('LOG has an unknown level, stream or flag');
  return {
    level,
    stream: stream === 0 ? 'stdout' : 'stderr',
    truncated: flags === 1 || payload.length - 4 > maxTextBytes,
    text: payload.toString('utf8', 4, 4 + maxTextBytes),
    textBytes: payload.length - 4,
  };
}
