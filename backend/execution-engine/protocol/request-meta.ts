import type { Body, HttpRequest, Invocation } from '../../core/invocation.ts';
import type { CallChains } from '../../core/ports/call-chains.ts';
import { traceContextOf, traceparentOf } from '../../core/trace-context.ts';

/** What a call hands to the calls that it makes. */
export interface Onward {
  readonly callChains: Pick<CallChains, 'tokenOf'> | undefined;
  /** See `AgentConnectionOptions`. */
  readonly traceSampleRatio: number;
}

/**
 * The JSON in front of a request body. `bodyBytes`: of an item of a batch. Put together as text, because it is made for every call and an object of
 * its own takes twice as long: what is ours needs no escaping, and what a client or function chose is left to JSON.stringify.
 */
export function requestMeta(invocation: Invocation, onward: Onward, bodyBytes?: number): string {
  const { request } = invocation;
  const traceparent = traceparentOf(traceContextOf(invocation), onward.traceSampleRatio);
  // One without a network has nobody to hand it to.
  const callChain = invocation.version.config.egress === 'none' ? undefined : onward.callChains?.tokenOf(invocation);
  let text = `{"invocationId":"${invocation.id}","kind":"${request.kind}","deadlineMs":${invocation.deadlineAt},"attempt":${invocation.attempt},"trigger":"${invocation.trigger}","depth":${invocation.depth},"traceparent":"${traceparent}"`;
  if (callChain !== undefined) text += `,"callChain":"${callChain}"`;
  if (bodyBytes !== undefined) text += `,"bodyBytes":${bodyBytes}`;
  return request.kind === 'event' ? `${text}}` : `${text},${httpMembers(request, traceparent)}`;
}

/** Members and closing brace. */
function httpMembers(request: HttpRequest, traceparent: string): string {
  const { method, target, headers, clientAddress, scheme, host, params } = request;
  const given = JSON.stringify({
    method,
    target,
    clientAddress,
    scheme,
    host,
    params,
    webSocket: request.isWebSocket,
    headers,
  });
  // Not the caller's: what the function does with it is a child of its own span. `headers` is last, so its end is known.
  return `${given.slice(1, -2)}${headers.length === 0 ? '' : ','}"traceparent","${traceparent}"]}`;
}

/** The whole body, or undefined while it still arrives. */
export function wholeBody(body: Body): Buffer | undefined {
  return Buffer.isBuffer(body) ? body : undefined;
}
