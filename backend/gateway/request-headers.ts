import { notPassedOn } from '../../shared/hop-by-hop.ts';
import { callChainHeader } from '../core/call-chain.ts';
import type { AuthenticatedCaller } from '../core/ports/caller-authenticator.ts';
import { isTraceparent } from '../core/trace-context.ts';

/** What the gateway needs of a request's headers, found in one pass over what the client sent. */
export interface RequestHeaders {
  /** Name, value, name, value …, without hop-by-hop, `hearth-*` and `x-forwarded-*` headers. */
  readonly passedOn: string[];
  host: string | undefined;
  hostCount: number;
  traceparent: string | undefined;
  /** Of `hearth-call-chain`; empty when it came twice, which no function of ours sends. */
  callChain: string | undefined;
  origin: string | undefined;
  /** Of a trusted proxy only. */
  forwardedFor: string | undefined;
  forwardedProto: string | undefined;
  forwardedHost: string | undefined;
}

/**
 * Reads Node's rawHeaders. Forwarding headers of the client are dropped unless a proxy is trusted; the `hearth-` names are the
 * platform's own and never passed on; of them only a call chain, which is signed, means something. Headers that `Connection` names are dropped too.
 */
export function readHeaders(rawHeaders: readonly string[], trustsProxy: boolean): RequestHeaders {
  const found: RequestHeaders = {
    passedOn: [],
    host: undefined,
    hostCount: 0,
    traceparent: undefined,
    callChain: undefined,
    origin: undefined,
    forwardedFor: undefined,
    forwardedProto: undefined,
    forwardedHost: undefined,
  };
  let connectionNames: readonly string[] | undefined;
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] as string).toLowerCase();
    const value = rawHeaders[i + 1] as string;
    if (name === 'connection') connectionNames = namesIn(value);
    if (notPassedOn.has(name)) continue;
    if (name.startsWith('hearth-')) noteOwn(found, name, value);
    else if (name.startsWith('x-forwarded-')) {
      if (trustsProxy) noteForwarded(found, name, value);
    } else if (isPassedOn(found, name, value)) found.passedOn.push(name, value);
  }
  if (connectionNames !== undefined) dropNamed(found.passedOn, connectionNames);
  return found;
}

/** Takes note of the headers that the gateway itself needs; false for one that is not passed on as it is. */
function isPassedOn(found: RequestHeaders, name: string, value: string): boolean {
  switch (name) {
    case 'host':
      found.host = value;
      found.hostCount++;
      return true;
    case 'origin':
      found.origin = value;
      return true;
    case 'traceparent':
      // The function gets that of its own span.
      if (isTraceparent(value)) found.traceparent = value;
      return false;
    default:
      return true;
  }
}

function noteOwn(found: RequestHeaders, name: string, value: string): void {
  if (name === callChainHeader) found.callChain = found.callChain === undefined ? value : '';
}

function noteForwarded(found: RequestHeaders, name: string, value: string): void {
  if (name === 'x-forwarded-for') found.forwardedFor = value;
  else if (name === 'x-forwarded-proto') found.forwardedProto = value;
  else if (name === 'x-forwarded-host') found.forwardedHost = value;
}

function namesIn(value: string): readonly string[] | undefined {
  return value === 'keep-alive' || value === 'close' ? undefined : value.toLowerCase().split(/[\s,]+/, 64);
}

function dropNamed(headers: string[], names: readonly string[]): void {
  for (let i = headers.length - 2; i >= 0; i -= 2) {
    const name = headers[i] as string;
    if (names.includes(name) && name !== 'host') headers.splice(i, 2);
  }
}

/** All values of a header that is looked at rarely, joined as Node does. */
export function headerValue(rawHeaders: readonly string[], lowerCaseName: string): string | undefined {
  let value: string | undefined;
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    if (rawHeaders[i]?.toLowerCase() !== lowerCaseName) continue;
    value = value === undefined ? rawHeaders[i + 1] : `${value}, ${rawHeaders[i + 1]}`;
  }
  return value;
}

/** Says to the function who calls, and keeps a token of Hearth from it: a function must not act in its caller's name. */
export function nameCaller({ passedOn }: RequestHeaders, { kind, id }: AuthenticatedCaller): void {
  if (kind === 'token') {
    for (let i = passedOn.length - 2; i >= 0; i -= 2) if (passedOn[i] === 'authorization') passedOn.splice(i, 2);
  }
  passedOn.push('hearth-caller', `${kind} ${encodeURIComponent(id.toWellFormed())}`);
}
