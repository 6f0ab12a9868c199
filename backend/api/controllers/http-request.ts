import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import type { CallerAuth } from '../../../shared/caller-auth.ts';
import { PlatformError } from '../../../shared/errors.ts';
import { notPassedOn } from '../../../shared/hop-by-hop.ts';
import { isHost } from '../../../shared/http-host.ts';
import {
  bodyOffset,
  type HttpRequestHead,
  httpMessageType,
  httpRequestHeadSchema,
  maxMessageHeadBytes,
} from '../../../shared/http-message.ts';
import { defaultPathOf, shortNameOf } from '../../../shared/names.ts';
import { type OwnRouteMatch, OwnRoutes } from '../../../shared/own-routes.ts';
import { headerObstacle } from '../../../shared/request-headers.ts';
import type { FunctionEntry } from '../../control-plane/function-directory.ts';
import type { CallContext } from '../../control-plane/invocations.ts';
import type { HttpRequest } from '../../core/invocation.ts';
import type { Resolution } from '../../core/ports/function-directory.ts';
import type { RouteRecord } from '../../core/ports/store.ts';
import { isTraceparent } from '../../core/trace-context.ts';
import { callerOf } from '../caller.ts';
import type { ApiContext } from '../context.ts';
import { parseAnyJson } from '../json-body.ts';
import { callFactsOf, type callHeaders, refuseTooLarge } from './call-payload.ts';
import { answerRequest } from './invoke.ts';

/** An HTTP request as its sender wrote it. */
export interface WrittenRequest {
  readonly head: HttpRequestHead;
  readonly body: Buffer;
}

/** The request that a message is. `payload`: what a raw body parser left. Throws `invalid_request` (`bad_message`, `bad_json`). */
export function readMessage(payload: unknown): WrittenRequest {
  const message = Buffer.isBuffer(payload) ? payload : Buffer.alloc(0);
  const start = bodyOffset(message);
  if (start === undefined)
    throw badMessage(
      `begin the body with a line of JSON (at most ${maxMessageHeadBytes} bytes) that has method, target and headers`,
    );
  const parsed = httpRequestHeadSchema.safeParse(
    parseAnyJson(message.toString('utf8', 0, start), 'the first line of the message'),
  );
  if (parsed.success) return { head: parsed.data, body: message.subarray(start) };
  throw badMessage(
    'the first line of the message is no head of a request',
    parsed.error.issues.map(({ path, message: text }) => ({ path: path.join('.'), message: text })),
  );
}

/** Throws `invalid_request`/`header_not_allowed` when a request sets what only the platform, or no function, gets. */
export function refuseHeaders({ headers }: HttpRequestHead): void {
  const issues = headers.flatMap(([name, value], index) => {
    const isStrangeHost = name.toLowerCase() === 'host' && !isHost(value);
    const message = isStrangeHost ? `${JSON.stringify(value)} names no host` : headerObstacle(name);
    return message === undefined ? [] : [{ path: `headers.${index}`, message }];
  });
  if (issues.length === 0) return;
  const message = issues.map((issue) => issue.message).join('. ');
  throw new PlatformError('invalid_request', 'header_not_allowed', message, { issues });
}

/**
 * The route of the function that takes the request; that of the head itself where it says which parameters it has. Throws
 * `not_found`/`path_not_routed`.
 */
export function routeOf({ record, routes }: FunctionEntry, { head }: WrittenRequest): OwnRouteMatch<RouteRecord> {
  if (head.params !== undefined) return { route: undefined, params: head.params };
  const found = new OwnRoutes(routes).match(head.method, head.target);
  if (found !== undefined) return found;
  const known = routes.map(
    ({ methods, path }) => `${methods.length === 0 ? 'any method' : methods.join(', ')} ${path}`,
  );
  const message = `no route of function ${shortNameOf(record.name)} takes ${head.method} ${head.target.split('?', 1)[0]}; it has ${known.join('; ')}`;
  throw new PlatformError('not_found', 'path_not_routed', message.slice(0, 2000));
}

/** What a written request is sent to. */
export interface RequestTarget {
  readonly resolution: Resolution;
  readonly params: HttpRequest['params'];
  /** Under which the function answers, where the gateway takes that off the path; else empty. */
  readonly basePath: string;
}

/** Sends a written request, and answers with the function's response as a message. Rejects with `payload_too_large`, and as `answerRequest` does. */
export async function answerWritten(
  context: ApiContext,
  request: FastifyRequest<{ Headers: z.infer<typeof callHeaders> }>,
  reply: FastifyReply,
  written: WrittenRequest,
  target: RequestTarget,
): Promise<FastifyReply> {
  const { invocations } = context.controlPlane;
  const { config } = target.resolution.version;
  refuseTooLarge(written.body, config);
  const facts = { ...target, auth: config.auth, gatewayUrl: context.facts.gatewayUrl() };
  const call = tracedBy(callFactsOf(request, reply), written);
  const invocation = invocations.prepare(target.resolution, handedOn(request, written, facts), call);
  return await answerRequest(context, request, reply, invocation);
}

/** What the platform knows of a written request. */
interface RequestFacts extends Pick<RequestTarget, 'params' | 'basePath'> {
  readonly auth: CallerAuth | null;
  /** Where the gateway answers; for requests that name no host. */
  readonly gatewayUrl: string;
}

/** The path under which the gateway answers for a function without routes, which sees the rest of it. */
export const basePathOf = ({ record, routes }: FunctionEntry): string =>
  routes.length === 0 ? defaultPathOf(record.name) : '';

/** A written request as the gateway would hand it on. */
function handedOn(request: FastifyRequest, { head, body }: WrittenRequest, facts: RequestFacts): HttpRequest {
  const { params, auth, basePath } = facts;
  const gateway = new URL(facts.gatewayUrl);
  // A function must not act in its caller's name.
  const asksForToken = auth?.type === 'token';
  const headers: string[] = [];
  const seen = new Map<string, string>();
  for (const [name, value] of head.headers) {
    const lowerCaseName = name.toLowerCase();
    if (!isPassedOn(lowerCaseName) || (asksForToken && lowerCaseName === 'authorization')) continue;
    headers.push(lowerCaseName, value);
    seen.set(lowerCaseName, value);
  }
  if (!seen.has('host')) headers.push('host', gateway.host);
  if (body.length > 0 && !seen.has('content-length')) headers.push('content-length', String(body.length));
  headers.push('x-forwarded-for', request.ip, 'x-forwarded-proto', 'http');
  if (basePath !== '') headers.push('x-forwarded-prefix', basePath);
  if (asksForToken) headers.push('hearth-caller', `token ${callerOf(request).id}`);
  const { method, target } = head;
  const host = seen.get('host') ?? gateway.host;
  return { kind: 'http', method, target, headers, clientAddress: request.ip, scheme: 'http', host, params, body };
}

/** The trace of a call: that which the caller of the API names, else that of the request itself, which the gateway would continue. */
function tracedBy(call: CallContext, { head }: WrittenRequest): CallContext {
  if (call.traceparent !== undefined) return call;
  const own = head.headers.find(([name]) => name.toLowerCase() === 'traceparent')?.[1];
  return own !== undefined && isTraceparent(own) ? { ...call, traceparent: own } : call;
}

/** What the gateway keeps to itself is kept here too. */
function isPassedOn(name: string): boolean {
  if (notPassedOn.has(name) || name === 'traceparent') return false;
  return !name.startsWith('hearth-') && !name.startsWith('x-forwarded-');
}

function badMessage(reason: string, issues: readonly { readonly path: string; readonly message: string }[] = []) {
  return new PlatformError('invalid_request', 'bad_message', `${reason} (${httpMessageType}, docs/drafts.md)`, {
    issues,
  });
}
