import { isHost } from '../../shared/http-host.ts';
import { BodyBeginning } from '../core/body-beginning.ts';
import type { Body, HttpRequest, Invocation } from '../core/invocation.ts';
import type { RouteMatch } from '../core/ports/function-directory.ts';
import type { Exchange } from './http/exchange.ts';
import type { RequestHeaders } from './request-headers.ts';

/** What the gateway knows of a call beside the request. */
interface CallFacts extends Pick<Invocation, 'id' | 'enteredAt' | 'acceptedAt' | 'deadlineAt' | 'acquireBy' | 'depth'> {
  readonly body: Body;
  readonly isWebSocket?: boolean;
}

/** The call that a request to a function is. Once per request: it adds to the headers that are passed on. */
export function invocationOf(
  exchange: Exchange,
  match: RouteMatch,
  headers: RequestHeaders,
  { body, isWebSocket, ...call }: CallFacts,
): Invocation {
  return {
    id: call.id,
    version: match.version,
    qualifier: match.qualifier,
    trigger: 'http',
    request: {
      kind: 'http',
      method: exchange.method,
      target: match.basePath === '' ? exchange.target : belowBase(exchange.target, match.basePath),
      headers: forwarded(exchange, headers, match.basePath),
      clientAddress: clientAddress(exchange, headers),
      scheme: headers.forwardedProto === 'https' ? 'https' : 'http',
      host: hostOf(headers),
      params: match.params,
      body,
      ...(Buffer.isBuffer(body) ? undefined : ofStream(match, isWebSocket)),
    },
    acceptedAt: call.acceptedAt,
    enteredAt: call.enteredAt,
    deadlineAt: call.deadlineAt,
    ...(call.acquireBy === undefined ? undefined : { acquireBy: call.acquireBy }),
    attempt: 1,
    traceparent: headers.traceparent,
    depth: call.depth,
    replayOf: undefined,
  };
}

/** What is said of a body that is still arriving. */
function ofStream({ version }: RouteMatch, isWebSocket = false): Pick<HttpRequest, 'isWebSocket' | 'beginning'> {
  if (isWebSocket) return { isWebSocket };
  const { requests, maxBytes } = version.config.capture;
  return requests === 'none' ? {} : { beginning: new BodyBeginning(maxBytes) };
}

/** Who calls: the peer, or whom a trusted proxy saw. */
export function clientAddress(exchange: Exchange, headers: RequestHeaders): string {
  // The last entry is what the trusted proxy saw; those before it are the caller's own words.
  const seen = headers.forwardedFor?.split(',').at(-1)?.trim();
  return seen === undefined || seen === '' ? exchange.remoteAddress : seen;
}

/** Always a host: functions make URLs of it. HTTP/1.0 need not name one, and a proxy may say what is none. */
function hostOf({ forwardedHost, host }: RequestHeaders): string {
  return forwardedHost !== undefined && isHost(forwardedHost) ? forwardedHost : (host ?? 'localhost');
}

function forwarded(exchange: Exchange, headers: RequestHeaders, basePath: string): readonly string[] {
  const list = headers.passedOn;
  const peer = exchange.remoteAddress;
  list.push('x-forwarded-for', headers.forwardedFor === undefined ? peer : `${headers.forwardedFor}, ${peer}`);
  list.push('x-forwarded-proto', headers.forwardedProto === 'https' ? 'https' : 'http');
  if (basePath !== '') list.push('x-forwarded-prefix', basePath);
  return list;
}

/** `/echo/a?b` below `/echo` is `/a?b`; `/echo?b` is `/?b`. */
function belowBase(url: string, basePath: string): string {
  const rest = url.slice(basePath.length);
  return rest.charCodeAt(0) === 47 ? rest : `/${rest}`;
}
