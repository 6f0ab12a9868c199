import { type Call, resultJson } from './call.ts';
import { NamedError } from './errors.ts';
import { eventHead } from './head.ts';
import type { HttpMeta } from './messages.ts';
import { isResponse } from './results.ts';
import { sendResponse } from './streams.ts';

const jsonType = /^application\/([^;]*\+)?json\b/i;

/** The Request of an HTTP call; an API call is a POST of its event to `/`. */
export async function fetchRequest(call: Call): Promise<Request> {
  const { meta } = call;
  if (meta.kind === 'http') return httpRequest(call, meta);
  const body = await call.body.whole();
  return new Request('http://localhost/', {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'hearth-invocation-id': meta.invocationId,
      ...(meta.traceparent === undefined ? {} : { traceparent: meta.traceparent }),
    },
    body: body.length === 0 ? 'null' : new Uint8Array(body),
    signal: call.context.signal,
  });
}

function httpRequest(call: Call, meta: HttpMeta): Request {
  const headers = new Headers();
  for (let i = 0; i + 1 < meta.headers.length; i += 2)
    headers.append(meta.headers[i] as string, meta.headers[i + 1] as string);
  const hasBody = meta.method !== 'GET' && meta.method !== 'HEAD';
  const complete = call.body.complete;
  const whole = complete !== undefined && complete.length > 0 ? new Uint8Array(complete) : null;
  const init: RequestInit = { method: meta.method, headers, signal: call.context.signal };
  if (hasBody && complete === undefined) Object.assign(init, { body: call.body.stream(), duplex: 'half' });
  else if (hasBody && whole !== null) init.body = whole;
  return new Request(requestUrl(meta), init);
}

function requestUrl(meta: HttpMeta): string {
  const path = meta.target.startsWith('/') ? meta.target : `/${meta.target}`;
  const url = `${meta.scheme}://${meta.host}${path}`;
  return URL.canParse(url) ? url : `${meta.scheme}://localhost${path}`;
}

/** Sends what a fetch handler returned. For an API call, a JSON body of a successful response is the result. */
export async function fetchResult(call: Call, response: unknown): Promise<void> {
  if (!isResponse(response)) {
    const what = response === null ? 'null' : typeof response;
    throw new NamedError('InvalidResponse', `a fetch handler must return a Response; it returned ${what}`);
  }
  const isResult =
    call.meta.kind === 'event' && response.ok && jsonType.test(response.headers.get('content-type') ?? '');
  if (!isResult) await sendResponse(call, response);
  else {
    const text = await response.text();
    await call.respond(eventHead, text === '' ? resultJson(null) : text);
  }
}
