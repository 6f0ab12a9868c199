import type { IncomingMessage } from 'node:http';
import type { Call } from '../../nodejs/guest/call.ts';
import { NamedError } from '../../nodejs/guest/errors.ts';
import { eventHead, flatHeaders, headJson } from '../../nodejs/guest/head.ts';
import type { InitMessage } from '../../nodejs/guest/messages.ts';
import { sendResult } from '../../nodejs/guest/results.ts';

const maxErrorBytes = 1_048_576;
/** What comes before a streamed HTTP response: JSON with status and headers, then this many NUL bytes. */
const preludeEnd = Buffer.alloc(8);
const maxPreludeBytes = 65_536;
const preludeType = 'application/vnd.awslambda.http-integration-response';

/**
 * Reads the answer to a call and sends it on. `settled` is awaited before the call ends. False when it is larger than the version allows.
 * Rejects when the request breaks off; the call has failed then.
 */
export async function readAnswer(
  request: IncomingMessage,
  call: Call,
  init: InitMessage,
  settled: () => Promise<void>,
): Promise<boolean> {
  try {
    if (request.headers['lambda-runtime-function-response-mode'] === 'streaming') {
      await streamAnswer(request, call, settled);
      return true;
    }
    const body = await readWhole(request, init.maxResponseBytes);
    await settled();
    if (body === undefined) {
      await refuseTooLarge(call, init.maxResponseBytes + 1);
      return false;
    }
    await sendWhole(call, body);
    return true;
  } catch (error) {
    if (request.complete) call.fail(error);
    else call.fail(new NamedError('Runtime.TruncatedResponse', 'bootstrap broke off in the middle of its response'));
    if (!request.complete) throw error;
    return true;
  }
}

/** What `bootstrap` says of an error: `{errorMessage, errorType, stackTrace}`, or whatever it sent. */
export async function readError(request: IncomingMessage): Promise<Error> {
  const body = (await readWhole(request, maxErrorBytes)) ?? Buffer.alloc(0);
  const header = request.headers['lambda-runtime-function-error-type'];
  return errorOf(body.toString('utf8'), typeof header === 'string' ? header : undefined);
}

function errorOf(text: string, headerType: string | undefined): Error {
  let value: { errorType?: unknown; errorMessage?: unknown; stackTrace?: unknown } = {};
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null) value = parsed;
  } catch {
    value = { errorMessage: text };
  }
  const type = typeof value.errorType === 'string' ? value.errorType : (headerType ?? 'Error');
  const message = typeof value.errorMessage === 'string' ? value.errorMessage : text;
  const error = new NamedError(type, message);
  const trace = Array.isArray(value.stackTrace) ? value.stackTrace.map(String) : [];
  error.stack = trace.length === 0 ? '' : [`${type}: ${message}`, ...trace].join('\n');
  return error;
}

/** The whole body, or undefined when it has more bytes; what is beyond is read and dropped. */
async function readWhole(request: IncomingMessage, maxBytes: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length <= maxBytes) chunks.push(chunk);
    else chunks.length = 0;
  }
  return length <= maxBytes ? Buffer.concat(chunks, length) : undefined;
}

/** JSON is a result as any event handler's; anything else is sent as it is. */
async function sendWhole(call: Call, body: Buffer): Promise<void> {
  const text = process.getBuiltinModule('node:buffer').isUtf8(body) ? body.toString('utf8') : undefined;
  const result = text === undefined ? undefined : parseQuietly(text);
  if (result === undefined) {
    const type = text === undefined ? 'application/octet-stream' : 'text/plain; charset=utf-8';
    await call.respond(headJson(200, ['content-type', type]), body);
  } else if (call.meta.kind === 'event') await call.respond(eventHead, body);
  else await sendResult(call, result.value);
}

function parseQuietly(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

/** The host makes it `response-too-large` from the length alone. */
async function refuseTooLarge(call: Call, bytes: number): Promise<void> {
  call.start(headJson(200, ['content-length', String(bytes)]));
  await call.end();
}

/** A response that comes in pieces, with an error in its trailers if it has to end early. */
async function streamAnswer(request: IncomingMessage, call: Call, settled: () => Promise<void>): Promise<void> {
  const type = request.headers['content-type'] ?? 'application/octet-stream';
  let prelude: Buffer | undefined = type.startsWith(preludeType) ? Buffer.alloc(0) : undefined;
  if (prelude === undefined) call.start(headJson(200, ['content-type', type]));
  let isWanted = true;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    let part = chunk;
    if (prelude !== undefined) {
      prelude = Buffer.concat([prelude, chunk]);
      const end = prelude.indexOf(preludeEnd);
      if (end < 0 && prelude.length > maxPreludeBytes) throw new NamedError('InvalidResponse', noPrelude);
      if (end < 0) continue;
      call.start(headOf(prelude.toString('utf8', 0, end)));
      part = prelude.subarray(end + preludeEnd.length);
      prelude = undefined;
    }
    // What nobody wants any more is read to its end, so that `bootstrap` goes on as if it had been.
    if (isWanted && part.length > 0) isWanted = await call.write(part).then(yes, no);
  }
  if (prelude !== undefined) throw new NamedError('InvalidResponse', noPrelude);
  await settled();
  const errorType = request.trailers['lambda-runtime-function-error-type'];
  if (errorType === undefined) {
    await call.end();
    return;
  }
  const encoded = request.trailers['lambda-runtime-function-error-body'] ?? '';
  call.fail(errorOf(Buffer.from(encoded, 'base64').toString('utf8'), errorType));
}

const noPrelude = `the streamed response has no 8 NUL bytes after the JSON with its status and headers (${preludeType})`;
const yes = (): boolean => true;
const no = (): boolean => false;

function headOf(text: string): string {
  const parsed = parseQuietly(text === '' ? '{}' : text)?.value;
  if (typeof parsed !== 'object' || parsed === null)
    throw new NamedError('InvalidResponse', 'what comes before the 8 NUL bytes is not a JSON object');
  const { statusCode, headers, cookies } = parsed as Record<string, unknown>;
  return headJson(statusCode ?? 200, flatHeaders(headers, cookies));
}
