import type { Body, Invocation } from '../../core/invocation.ts';
import type { CallChains } from '../../core/ports/call-chains.ts';
import { traceContextOf, traceparentOf } from '../../core/trace-context.ts';

interface RequestMetaOptions {
  readonly callChains: Pick<CallChains, 'tokenOf'> | undefined;
  /** Of an item of a batch. */
  readonly bodyBytes?: number;
}

/** The JSON in front of a request body. */
export function requestMeta(invocation: Invocation, { callChains, bodyBytes }: RequestMetaOptions): string {
  const { request } = invocation;
  const common = {
    invocationId: invocation.id,
    kind: request.kind,
    deadlineMs: invocation.deadlineAt,
    attempt: invocation.attempt,
    trigger: invocation.trigger,
    depth: invocation.depth,
    traceparent: invocation.traceparent === undefined ? undefined : traceparentOf(traceContextOf(invocation)),
    // One without a network has nobody to hand it to.
    callChain: invocation.version.config.egress === 'none' ? undefined : callChains?.tokenOf(invocation),
    bodyBytes,
  };
  if (request.kind === 'event') return JSON.stringify(common);
  return JSON.stringify({
    ...common,
    method: request.method,
    target: request.target,
    headers: request.headers,
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
