import type { Body, Invocation } from '../../core/invocation.ts';
import type { CallChains } from '../../core/ports/call-chains.ts';
import { traceContextOf, traceparentOf } from '../../core/trace-context.ts';

/** What a call hands to the calls that it makes. */
export interface Onward {
  readonly callChains: Pick<CallChains, 'tokenOf'> | undefined;
  /** See `AgentConnectionOptions`. */
  readonly traceSampleRatio: number;
}

/** The JSON in front of a request body. `bodyBytes`: of an item of a batch. */
export function requestMeta(invocation: Invocation, onward: Onward, bodyBytes?: number): string {
  const { request } = invocation;
  const traceparent = traceparentOf(traceContextOf(invocation), onward.traceSampleRatio);
  const common = {
    invocationId: invocation.id,
    kind: request.kind,
    deadlineMs: invocation.deadlineAt,
    attempt: invocation.attempt,
    trigger: invocation.trigger,
    depth: invocation.depth,
    traceparent,
    // One without a network has nobody to hand it to.
    callChain: invocation.version.config.egress === 'none' ? undefined : onward.callChains?.tokenOf(invocation),
    bodyBytes,
  };
  if (request.kind === 'event') return JSON.stringify(common);
  return JSON.stringify({
    ...common,
    method: request.method,
    target: request.target,
    // Not the caller's: what the function does with it is a child of its own span.
    headers: [...request.headers, 'traceparent', traceparent],
    clientAddress: request.clientAddress,
    scheme: request.scheme,
    host: request.host,
    params: request.params,
    webSocket: request.isWebSocket,
  });
}

/** The whole body, or undefined while it still arrives. */
export function wholeBody(body: Body): Buffer | undefined {
  return Buffer.isBuffer(body) ? body : undefined;
}
