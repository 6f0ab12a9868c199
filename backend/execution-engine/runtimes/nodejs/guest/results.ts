import { type Call, resultJson } from './call.ts';
import { NamedError } from './errors.ts';
import { eventHead, flatHeaders, hasHeader, headJson, jsonHead } from './head.ts';
import { sendResponse, sendStream } from './streams.ts';

interface HttpResult {
  readonly statusCode: unknown;
  readonly headers?: unknown;
  readonly multiValueHeaders?: unknown;
  readonly cookies?: unknown;
  readonly body?: unknown;
  readonly isBase64Encoded?: unknown;
}

/** Anything that has the parts of a Response: Node's own, undici's, a polyfill's. */
export function isResponse(value: unknown): value is Response {
  if (typeof value !== 'object' || value === null) return false;
  const it = value as Partial<Record<'arrayBuffer' | 'status' | 'headers', unknown>>;
  return typeof it.arrayBuffer === 'function' && typeof it.status === 'number' && typeof it.headers === 'object';
}

function isIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

/** Sends what an event handler returned; the mapping of HTTP results is that of Lambda function URLs. */
export async function sendResult(call: Call, result: unknown): Promise<void> {
  if (isResponse(result)) await sendResponse(call, result);
  else if (isIterable(result)) await sendStream(call, result);
  else if (call.meta.kind === 'event') await call.respond(eventHead, resultJson(result));
  else if (typeof result === 'object' && result !== null && 'statusCode' in result) {
    await sendHttpResult(call, result as HttpResult);
  } else await call.respond(jsonHead, typeof result === 'string' ? result : resultJson(result));
}

async function sendHttpResult(call: Call, result: HttpResult): Promise<void> {
  const headers = flatHeaders(result.headers, result.cookies);
  if (result.multiValueHeaders !== undefined) headers.push(...flatHeaders(result.multiValueHeaders, undefined));
  if (!hasHeader(headers, 'content-type')) headers.push('content-type', 'application/json');
  const head = headJson(result.statusCode, headers);
  const { body } = result;
  if (isIterable(body)) {
    await sendStream(call, body, head);
    return;
  }
  const isHead = call.meta.kind === 'http' && call.meta.method === 'HEAD';
  await call.respond(head, isHead ? '' : bodyOf(body, result.isBase64Encoded === true));
}

function bodyOf(body: unknown, isBase64: boolean): Buffer | string {
  if (body === undefined || body === null) return '';
  if (typeof body === 'string') return isBase64 ? Buffer.from(body, 'base64') : body;
  if (body instanceof Uint8Array) return Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  if (body instanceof ArrayBuffer) return Buffer.from(body);
  if (typeof body === 'object') return resultJson(body);
  if (typeof body === 'symbol' || typeof body === 'function')
    throw new NamedError('InvalidResponse', `the body is a ${typeof body}; it must be text, bytes or a stream`);
  return String(body);
}
