import type { IncomingMessage, ServerResponse } from 'node:http';
import { PlatformError } from '../../shared/errors.ts';
import { newId } from '../../shared/ids.ts';
import type { Body, Invocation } from '../core/invocation.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { FunctionDirectory, RouteMatch } from '../core/ports/function-directory.ts';
import type { Scheduler } from '../core/ports/scheduler.ts';
import { corsHeaders, preflightHeaders } from './cors.ts';
import { type FaultResponse, faultOfError, faultOfOutcome, renderFault } from './fault-responses.ts';
import { declaredLength, readBody } from './request-body.ts';
import { type RequestHeaders, readHeaders } from './request-headers.ts';
import { ResponseWriter } from './response-writer.ts';

interface GatewayLogger {
  error(detail: object, message: string): void;
}

export interface RequestHandlerOptions {
  readonly directory: FunctionDirectory;
  readonly scheduler: Scheduler;
  readonly clock: Clock;
  readonly logger: GatewayLogger;
  /** Believe X-Forwarded-* of the peer. */
  readonly trustsProxy: boolean;
  /** How long a client may take nothing of a response that is complete here. 60,000 when left out. */
  readonly stalledClientMs?: number;
}

const smallBodyBytes = 65_536;
const stalledClientMs = 60_000;
/** Answers for load balancers; no function name can begin with an underscore. */
const healthPath = '/_hearth/healthz';

const refuse = (status: number, code: string, detail: string, allow?: readonly string[]): FaultResponse => ({
  status,
  code,
  detail,
  retryAfterSeconds: status === 503 ? 5 : undefined,
  ...(allow === undefined ? {} : { allow }),
});

/** One public request: route, limits, body, invocation, response. The gateway's hot path: no framework, no file, no database. */
export class RequestHandler {
  readonly #options: RequestHandlerOptions;

  constructor(options: RequestHandlerOptions) {
    this.#options = options;
  }

  /** Never rejects and never throws. */
  handle(request: IncomingMessage, response: ServerResponse): void {
    response.on('error', () => undefined);
    try {
      this.#route(request, response);
    } catch (error) {
      this.#unexpected(error, response);
    }
  }

  #route(request: IncomingMessage, response: ServerResponse): void {
    const headers = readHeaders(request.rawHeaders, this.#options.trustsProxy);
    if (headers.hostCount > 1) {
      answer(response, refuse(400, 'bad_request', 'The request has more than one Host header.'));
      return;
    }
    const url = request.url ?? '/';
    if (url.charCodeAt(0) !== 47) {
      answer(response, refuse(400, 'bad_request', 'The request target must be a path.'));
      return;
    }
    const queryAt = url.indexOf('?');
    const path = queryAt === -1 ? url : url.slice(0, queryAt);
    if (path === healthPath) {
      response.writeHead(200, { 'content-type': 'text/plain', 'cache-control': 'no-store' }).end('ok\n');
      return;
    }
    const method = request.method ?? 'GET';
    const preflightFor =
      method === 'OPTIONS' && headers.origin !== undefined
        ? request.headers['access-control-request-method']
        : undefined;
    const found = this.#options.directory.matchRoute(preflightFor ?? method, path);
    switch (found.kind) {
      case 'match':
        if (preflightFor !== undefined && found.match.version.config.cors !== null) {
          const extra = preflightHeaders(
            found.match.version.config.cors,
            headers.origin ?? '',
            preflightFor,
            request.headers['access-control-request-headers'],
          );
          response.writeHead(204, extra).end();
          return;
        }
        this.#invoke(request, response, found.match, headers, url);
        return;
      case 'method-not-allowed':
        answer(response, refuse(405, 'method_not_allowed', `This path takes ${found.allow.join(', ')}.`, found.allow));
        return;
      case 'disabled':
        answer(response, refuse(503, 'function_disabled', 'The function is switched off.'));
        return;
      case 'none':
        answer(response, refuse(404, 'no_route', 'No function answers at this path.'));
        return;
    }
  }

  #invoke(
    request: IncomingMessage,
    response: ServerResponse,
    match: RouteMatch,
    headers: RequestHeaders,
    url: string,
  ): void {
    const { clock } = this.#options;
    const { config } = match.version;
    const id = newId('invocation');
    const cors = config.cors === null ? undefined : corsHeaders(config.cors, headers.origin);
    const writer = new ResponseWriter(response, id, cors);
    const abort = new AbortController();
    response.once('close', () => {
      if (!response.writableFinished) abort.abort();
    });
    const enteredAt = clock.monotonic();
    const acceptedAt = clock.now();
    const start = (body: Body): void => {
      const invocation: Invocation = {
        id,
        version: match.version,
        qualifier: match.qualifier,
        trigger: 'http',
        request: {
          kind: 'http',
          method: request.method ?? 'GET',
          target: match.basePath === '' ? url : belowBase(url, match.basePath),
          headers: this.#forwarded(request, headers, match.basePath),
          clientAddress: this.#clientAddress(request, headers),
          scheme: headers.forwardedProto === 'https' ? 'https' : 'http',
          host: headers.forwardedHost ?? headers.host ?? '',
          params: match.params,
          body,
        },
        acceptedAt,
        enteredAt,
        deadlineAt: acceptedAt + config.timeoutMs,
        attempt: 1,
        traceparent: headers.traceparent,
        depth: 0,
        replayOf: undefined,
      };
      this.#run(invocation, writer, abort, response);
    };
    let body: Body | Promise<Buffer>;
    try {
      body = readBody(request, config.maxRequestBytes, (error) => {
        abort.abort(error);
        closeAfter(response);
        writer.fail(faultOfError(error));
      });
    } catch (error) {
      closeAfter(response);
      writer.fail(faultOfError(error));
      return;
    }
    if (body instanceof Promise) body.then(start, () => response.destroy());
    else start(body);
  }

  #run(invocation: Invocation, writer: ResponseWriter, abort: AbortController, response: ServerResponse): void {
    this.#options.scheduler.invoke(invocation, writer, abort.signal).then(
      (report) => {
        dropRest(invocation, response);
        const fault = faultOfOutcome(report.outcome);
        if (fault === undefined) {
          writer.finish(report);
          // The invocation's deadline no longer bounds this; a client that reads nothing would hold the response for ever.
          if (response.writableLength > smallBodyBytes)
            response.socket?.setTimeout(this.#options.stalledClientMs ?? stalledClientMs);
          return;
        }
        closeIfMuchIsUnread(response);
        writer.fail(fault);
      },
      (error: unknown) => {
        dropRest(invocation, response);
        closeIfMuchIsUnread(response);
        if (!(error instanceof PlatformError) || error.kind === 'internal')
          this.#options.logger.error(
            { err: error, invocationId: invocation.id },
            'invocation failed inside the platform',
          );
        writer.fail(faultOfError(error));
      },
    );
  }

  #clientAddress(request: IncomingMessage, headers: RequestHeaders): string {
    // The last entry is what the trusted proxy saw; those before it are the caller's own words.
    const seen = headers.forwardedFor?.split(',').at(-1)?.trim();
    return seen === undefined || seen === '' ? (request.socket.remoteAddress ?? '') : seen;
  }

  #forwarded(request: IncomingMessage, headers: RequestHeaders, basePath: string): readonly string[] {
    const list = headers.passedOn;
    const peer = request.socket.remoteAddress ?? '';
    list.push('x-forwarded-for', headers.forwardedFor === undefined ? peer : `${headers.forwardedFor}, ${peer}`);
    list.push('x-forwarded-proto', headers.forwardedProto === 'https' ? 'https' : 'http');
    if (basePath !== '') list.push('x-forwarded-prefix', basePath);
    return list;
  }

  #unexpected(error: unknown, response: ServerResponse): void {
    this.#options.logger.error({ err: error }, 'request failed inside the gateway');
    if (response.headersSent) response.destroy();
    else answer(response, faultOfError(error));
  }
}

/** The connection cannot be used again: part of the request is unread. */
function closeAfter(response: ServerResponse): void {
  if (response.headersSent) return;
  response.shouldKeepAlive = false;
  response.setHeader('connection', 'close');
}

/** Node reads and drops the rest of a body after the response; worth it for a small one only. */
function closeIfMuchIsUnread(response: ServerResponse): void {
  const length = declaredLength(response.req);
  if (!response.req.complete && (length === undefined || length > smallBodyBytes)) closeAfter(response);
}

/** A streamed body that the function did not read to its end would block the connection for ever. */
function dropRest(invocation: Invocation, response: ServerResponse): void {
  const { request } = invocation;
  if (request.kind !== 'http' || Buffer.isBuffer(request.body) || response.req.complete) return;
  closeAfter(response);
  response.req.unpipe();
  response.req.resume();
  request.body.destroy();
}

function answer(response: ServerResponse, fault: FaultResponse): void {
  closeIfMuchIsUnread(response);
  const { headers, body } = renderFault(fault, undefined);
  response.writeHead(fault.status, headers);
  response.end(response.req.method === 'HEAD' ? undefined : body);
}

/** `/echo/a?b` below `/echo` is `/a?b`; `/echo?b` is `/?b`. */
function belowBase(url: string, basePath: string): string {
  const rest = url.slice(basePath.length);
  return rest.charCodeAt(0) === 47 ? rest : `/${rest}`;
}
