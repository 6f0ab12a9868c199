import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { corsHeaders, preflightHeaders } from '../../shared/cors.ts';
import { PlatformError } from '../../shared/errors.ts';
import { isHost } from '../../shared/http-host.ts';
import { type InvocationId, newId } from '../../shared/ids.ts';
import { type CallChain, withinChain } from '../core/call-chain.ts';
import { Cancellation } from '../core/cancel-signal.ts';
import { entryTimes } from '../core/entry-times.ts';
import type { Body, Invocation, InvocationReport } from '../core/invocation.ts';
import type { CallChains } from '../core/ports/call-chains.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { FunctionDirectory, RouteMatch } from '../core/ports/function-directory.ts';
import type { MetricsSink } from '../core/ports/metrics-sink.ts';
import type { Scheduler } from '../core/ports/scheduler.ts';
import { refusalOf } from '../core/refusals.ts';
import type { VersionSpec } from '../core/version.ts';
import { answer } from './answer.ts';
import type { CallGate } from './call-gate.ts';
import { faultOfError, faultOfOutcome, methodNotAllowed, type Refusal, refusal } from './fault-responses.ts';
import type { Exchange } from './http/exchange.ts';
import { clientAddress, invocationOf } from './invocation-of.ts';
import { headerValue, nameCaller, type RequestHeaders, readHeaders } from './request-headers.ts';
import { ResponseWriter } from './response-writer.ts';
import { type Handshake, readHandshake } from './websocket/handshake.ts';
import { WebSocketBridge, type WebSocketTimeouts } from './websocket/web-socket-bridge.ts';

interface GatewayLogger {
  error(detail: object, message: string): void;
}

export interface RequestHandlerOptions {
  readonly directory: Pick<FunctionDirectory, 'matchRoute'>;
  readonly scheduler: Scheduler;
  readonly clock: Clock;
  readonly logger: GatewayLogger;
  /** Takes calls of functions that are refused here. Left out: nobody counts them. */
  readonly metrics?: Pick<MetricsSink, 'record'> | undefined;
  /** Asks callers of functions that are not public, and bounds how often. Left out: functions that ask are refused. */
  readonly gate?: CallGate | undefined;
  /** Reads what functions hand on to the functions that they call. Left out: every call begins a chain of its own. */
  readonly callChains?: Pick<CallChains, 'read'> | undefined;
  /** Believe X-Forwarded-* of the peer. */
  readonly trustsProxy: boolean;
  /** How long a client may take nothing of a response that is complete here. 60,000 when left out. */
  readonly stalledClientMs?: number;
  /** Others than docs/gateway.md says, for tests. */
  readonly webSocketTimeouts?: Partial<WebSocketTimeouts>;
}

/** A request that asks for a WebSocket: what its answer is written to when that is one. */
export interface Upgrade {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly ahead: Buffer;
}

const noBody = Buffer.alloc(0);
const stalledClientMs = 60_000;
const defaultWebSocketTimeouts: WebSocketTimeouts = { idle: 600_000, max: 3_600_000, ping: 30_000, close: 5000 };
/** The call outlives its connection by so much, so that the function sees the end. */
const lastWordsMs = 10_000;
/** Answers for load balancers; no function name can begin with an underscore. */
const healthPath = '/_hearth/healthz';

/** Behind what is not there right now: when to try again. */
const retryAfterSeconds = 5;

/** One public request: route, limits, body, invocation, response. The gateway's hot path: no framework, no file, no database. */
export class RequestHandler {
  readonly #options: RequestHandlerOptions;
  readonly #webSocketTimeouts: WebSocketTimeouts;
  readonly #bridges = new Set<WebSocketBridge>();

  constructor(options: RequestHandlerOptions) {
    this.#options = options;
    this.#webSocketTimeouts = { ...defaultWebSocketTimeouts, ...options.webSocketTimeouts };
  }

  /** Tells all WebSockets that the platform ends. */
  closeWebSockets(): void {
    for (const bridge of this.#bridges) bridge.goAway('the platform is shutting down');
  }

  /** Never rejects and never throws. */
  handle(exchange: Exchange, upgrade?: Upgrade): void {
    try {
      this.#route(exchange, upgrade);
    } catch (error) {
      this.#unexpected(error, exchange);
    }
  }

  #route(exchange: Exchange, upgrade: Upgrade | undefined): void {
    const headers = readHeaders(exchange.rawHeaders, this.#options.trustsProxy);
    if (headers.hostCount > 1) {
      answer(exchange, refusal('invalid_request', 'bad_request', 'The request has more than one Host header.'));
      return;
    }
    if (headers.host !== undefined && !isHost(headers.host)) {
      answer(exchange, refusal('invalid_request', 'bad_request', 'The Host header names no host.'));
      return;
    }
    const { target, method } = exchange;
    if (target.charCodeAt(0) !== 47) {
      answer(exchange, refusal('invalid_request', 'bad_request', 'The request target must be a path.'));
      return;
    }
    const queryAt = target.indexOf('?');
    const path = queryAt === -1 ? target : target.slice(0, queryAt);
    if (path === healthPath) {
      const headers = ['content-type', 'text/plain', 'cache-control', 'no-store', 'content-length', '3'];
      exchange.respond(200, headers, Buffer.from('ok\n'));
      return;
    }
    const preflightFor =
      method === 'OPTIONS' && headers.origin !== undefined
        ? headerValue(exchange.rawHeaders, 'access-control-request-method')
        : undefined;
    const found = this.#options.directory.matchRoute(preflightFor ?? method, path);
    switch (found.kind) {
      case 'match':
        if (preflightFor !== undefined && found.match.version.config.cors !== null) {
          const extra = preflightHeaders(
            found.match.version.config.cors,
            headers.origin ?? '',
            preflightFor,
            headerValue(exchange.rawHeaders, 'access-control-request-headers'),
          );
          exchange.respond(204, extra, undefined);
          return;
        }
        if (upgrade === undefined || !mayUpgrade(found.match.version)) this.#invoke(exchange, found.match, headers);
        else this.#openWebSocket(exchange, upgrade, found.match, headers);
        return;
      case 'method-not-allowed':
        answer(exchange, methodNotAllowed(found.allow));
        return;
      case 'disabled':
        answer(
          exchange,
          this.#refused(
            found.functionName,
            refusal('unavailable', 'function_disabled', 'The function is switched off.', retryAfterSeconds),
          ),
        );
        return;
      case 'none':
        answer(exchange, refusal('not_found', 'no_route', 'No function answers at this path.'));
        return;
    }
  }

  #invoke(exchange: Exchange, match: RouteMatch, headers: RequestHeaders): void {
    const { config } = match.version;
    const id = newId('invocation');
    const cors = config.cors === null ? undefined : corsHeaders(config.cors, headers.origin);
    const writer = new ResponseWriter(exchange, id, cors);
    const cancellation = new Cancellation();
    exchange.onGone(() => cancellation.abort());
    const isGated = this.#isGated(match.version);
    if (isGated && !this.#passesLimits(exchange, match, headers, writer)) return;
    const caller = this.#callerOf(headers);
    // The time of the function begins when its request is there: a slow upload does not use it up.
    const begin = (given: Body): void => {
      const { enteredAt, acceptedAt } = entryTimes(this.#options.clock);
      const start = (body: Body): void => {
        const bounds = withinChain(caller, acceptedAt + config.timeoutMs);
        const invocation = invocationOf(exchange, match, headers, { id, enteredAt, acceptedAt, ...bounds, body });
        this.#run(invocation, writer, cancellation, exchange);
      };
      if (isGated) this.#admit(exchange, match, headers, writer, given, start);
      else start(given);
    };
    let body: Body | Promise<Buffer>;
    try {
      body = exchange.readBody(config.maxRequestBytes, (error) => {
        cancellation.abort(error);
        exchange.closeAfter();
        writer.fail(faultOfError(error));
      });
    } catch (error) {
      exchange.closeAfter();
      writer.fail(this.#refused(match.version.functionName, faultOfError(error)));
      return;
    }
    if (body instanceof Promise) body.then(begin, () => exchange.cut());
    else begin(body);
  }

  /** Counts a call that is refused before it is an invocation. What the scheduler refuses, it counts itself. */
  #refused(functionName: string, refused: Refusal): Refusal {
    const { metrics, clock } = this.#options;
    metrics?.record(refusalOf(functionName, refused.kind, clock.now()));
    return refused;
  }

  /** The function that calls, if it says so with what it was given. */
  #callerOf({ callChain }: RequestHeaders): CallChain | undefined {
    return callChain === undefined ? undefined : this.#options.callChains?.read(callChain);
  }

  #isGated(version: VersionSpec): boolean {
    const { gate } = this.#options;
    return gate === undefined ? version.config.auth !== null : gate.concerns(version);
  }

  /** Limits that need nothing of the caller but the address; answers when one is crossed. */
  #passesLimits(exchange: Exchange, match: RouteMatch, headers: RequestHeaders, writer: ResponseWriter): boolean {
    const verdict = this.#options.gate?.beforeCaller(match.version, clientAddress(exchange, headers));
    if (verdict === undefined) return true;
    writer.addHeaders(verdict.headers);
    if (verdict.refusal === undefined) return true;
    exchange.closeIfMuchIsUnread();
    writer.fail(this.#refused(match.version.functionName, verdict.refusal));
    return false;
  }

  /** Who calls? `start` when that is known and allowed. */
  #admit(
    exchange: Exchange,
    match: RouteMatch,
    headers: RequestHeaders,
    writer: ResponseWriter,
    body: Body,
    start: (body: Body) => void,
  ): void {
    const { gate } = this.#options;
    const { functionName } = match.version;
    if (gate === undefined) {
      const detail = 'The function cannot check its callers right now.';
      writer.fail(this.#refused(functionName, refusal('unavailable', 'keys_unavailable', detail, retryAfterSeconds)));
      return;
    }
    gate
      .admit(match.version, exchange.rawHeaders, body)
      .then((admission) => {
        writer.addHeaders(admission.headers);
        if (admission.refusal !== undefined) {
          exchange.dropBody(body);
          exchange.closeIfMuchIsUnread();
          writer.fail(this.#refused(functionName, admission.refusal));
          return;
        }
        if (admission.caller !== undefined) nameCaller(headers, admission.caller);
        start(admission.body);
      })
      .catch((error: unknown) => this.#unexpected(error, exchange));
  }

  /** Whoever may not call a function may not open a WebSocket to it either. */
  #openWebSocket(exchange: Exchange, upgrade: Upgrade, match: RouteMatch, headers: RequestHeaders): void {
    const handshake = readHandshake(upgrade.request);
    if ('problem' in handshake) {
      const refused = refusal('invalid_request', 'bad_web_socket_request', handshake.problem);
      answer(exchange, this.#refused(match.version.functionName, refused));
      return;
    }
    const id = newId('invocation');
    const open = () => this.#bridge(exchange, upgrade, match, headers, handshake, id);
    if (!this.#isGated(match.version)) {
      open();
      return;
    }
    const writer = new ResponseWriter(exchange, id, undefined);
    if (!this.#passesLimits(exchange, match, headers, writer)) return;
    this.#admit(exchange, match, headers, writer, noBody, open);
  }

  /** One call for as long as the connection lasts. */
  #bridge(
    exchange: Exchange,
    upgrade: Upgrade,
    match: RouteMatch,
    headers: RequestHeaders,
    handshake: Handshake,
    id: InvocationId,
  ): void {
    const { clock } = this.#options;
    const { config } = match.version;
    const caller = this.#callerOf(headers);
    const timeouts = this.#webSocketTimeouts;
    const cancellation = new Cancellation();
    const bridge = new WebSocketBridge({
      ...upgrade,
      handshake,
      clock,
      timeouts,
      maxMessageBytes: { fromClient: config.maxRequestBytes, fromFunction: config.maxResponseBytes },
      plain: new ResponseWriter(exchange, id, undefined),
      headers: ['hearth-invocation-id', id],
      onGone: (why) => cancellation.abort(why),
    });
    this.#bridges.add(bridge);
    const { enteredAt, acceptedAt } = entryTimes(clock);
    const invocation = invocationOf(exchange, match, headers, {
      id,
      enteredAt,
      acceptedAt,
      ...withinChain(caller, acceptedAt + Math.max(timeouts.max, config.timeoutMs) + lastWordsMs),
      // As long as any other call.
      acquireBy: acceptedAt + config.timeoutMs,
      body: bridge.body,
      isWebSocket: true,
    });
    const call = this.#options.scheduler.invoke(invocation, bridge, cancellation);
    // Opened or not, that is decided within the time of any other call.
    const stopWaiting = afterDueTimers(clock, config.timeoutMs, () => {
      if (bridge.hasOpened) return;
      bridge.fail(refusal('timed_out', 'function_timeout', 'The function did not answer in time.'));
      cancellation.abort('the function did not answer the request for a WebSocket in time');
    });
    this.#follow(call, id, bridge, () => {
      stopWaiting();
      this.#bridges.delete(bridge);
    });
  }

  #follow(call: Promise<InvocationReport>, id: InvocationId, bridge: WebSocketBridge, onOver: () => void): void {
    call
      .then((report) => {
        const fault = faultOfOutcome(report.outcome);
        if (fault === undefined) bridge.finish(report);
        else bridge.fail(fault, report);
      })
      .catch((error: unknown) => {
        this.#noteUnexpected(error, id);
        bridge.fail(faultOfError(error));
      })
      .finally(onOver);
  }

  #run(invocation: Invocation, writer: ResponseWriter, cancellation: Cancellation, exchange: Exchange): void {
    const { body } = invocation.request;
    this.#options.scheduler
      .invoke(invocation, writer, cancellation)
      .then((report) => {
        exchange.dropBody(body);
        if (report.answeredBy !== undefined) writer.answeredBy(report.answeredBy);
        const fault = faultOfOutcome(report.outcome);
        if (fault === undefined) {
          writer.finish(report);
          // The invocation's deadline no longer bounds this; a client that reads nothing would hold the response for ever.
          exchange.limitStall(this.#options.stalledClientMs ?? stalledClientMs);
          return;
        }
        exchange.closeIfMuchIsUnread();
        writer.fail(fault, report);
      })
      .catch((error: unknown) => {
        exchange.dropBody(body);
        exchange.closeIfMuchIsUnread();
        this.#noteUnexpected(error, invocation.id);
        writer.fail(faultOfError(error));
      });
  }

  #noteUnexpected(error: unknown, invocationId: InvocationId): void {
    if (error instanceof PlatformError && error.kind !== 'internal') return;
    this.#options.logger.error({ err: error, invocationId }, 'invocation failed inside the platform');
  }

  #unexpected(error: unknown, exchange: Exchange): void {
    this.#options.logger.error({ err: error }, 'request failed inside the gateway');
    if (exchange.hasStarted) exchange.cut();
    else answer(exchange, faultOfError(error));
  }
}

/**
 * After `ms`, and after what was due by then: whoever still waits for an instance at that time hears it from the scheduler. Node keeps a list
 * of timers for each duration, so that one set later can fire first when the event loop is late. The result cancels it.
 */
function afterDueTimers(clock: Clock, ms: number, run: () => void): () => void {
  let immediate: NodeJS.Immediate | undefined;
  const cancelTimer = clock.after(ms, () => {
    immediate = setImmediate(run);
  });
  return () => {
    cancelTimer();
    clearImmediate(immediate);
  };
}

/** Runtimes whose functions can accept a WebSocket. To others the request is one as any other, whose body is not waited for. */
function mayUpgrade({ config }: VersionSpec): boolean {
  return config.runtime === 'nodejs';
}
