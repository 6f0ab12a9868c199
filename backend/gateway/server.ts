import { createServer, type IncomingMessage, type Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { PlatformError } from '../../shared/errors.ts';
import { AnsweredRequests } from '../util/answered-requests.ts';
import { limitBodyPauses } from '../util/body-pauses.ts';
import { type GatewayLink, receiveLink } from './fleet/gateway-link.ts';
import type { LinkHello } from './fleet/link-frames.ts';
import { DirectConnection } from './http/direct-connection.ts';
import { NodeConnections } from './http/node-connections.ts';
import { NodeExchange, type NodeExchangeOptions } from './http/node-exchange.ts';
import { RequestHandler, type RequestHandlerOptions } from './request-handler.ts';
import { asksForWebSocket } from './websocket/handshake.ts';

/** Set on purpose (docs/gateway.md). Milliseconds. */
interface GatewayTimeouts {
  /** From the first byte of a request to the end of its headers. */
  readonly headers: number;
  /** From the first byte of a request to the end of its body: a slow upload may take this long. */
  readonly request: number;
  /** Between two pieces of a body. */
  readonly bodyPause: number;
  /** An idle connection between requests. */
  readonly keepAlive: number;
  /** A connection on which nothing moves: longer than the longest call. */
  readonly socket: number;
  /** How often the first two are looked at, so how late they may be; Node's own default is 30 s. */
  readonly check: number;
}

export const gatewayTimeouts: GatewayTimeouts = {
  headers: 10_000,
  request: 300_000,
  bodyPause: 30_000,
  keepAlive: 65_000,
  socket: 930_000,
  check: 500,
};

const maxHeaderBytes = 32 * 1024;
const maxHeaderCount = 200;

export interface GatewayServerOptions extends RequestHandlerOptions {
  /** Every request through Node's parser; for tests that compare the two ways. */
  readonly usesNodeParserOnly?: boolean;
  /** Connections are those of gateway processes (`GatewayFleet`): called with each that says hello. Left out: they are clients'. */
  readonly onLink?: (link: GatewayLink, hello: LinkHello) => void;
  /** Others than docs/gateway.md says, for tests. */
  readonly timeouts?: Partial<GatewayTimeouts>;
}

/**
 * The public front for function traffic: its own listener, nothing of a framework on the hot path. Plain requests, which nearly all
 * are, are parsed and answered by `DirectConnection`; a connection that brings anything else goes to `node:http` for good.
 */
export class GatewayServer {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #direct = new Set<DirectConnection>();
  readonly #handler: RequestHandler;
  readonly #nodeConnections: NodeConnections;
  /** Those of clients that send their body when they are told to. */
  readonly #waitingForContinue = new WeakSet<ServerResponse>();
  #isClosing = false;

  constructor(options: GatewayServerOptions) {
    const handler = new RequestHandler(options);
    this.#handler = handler;
    const timeouts = { ...gatewayTimeouts, ...options.timeouts };
    this.#server = createServer(
      {
        headersTimeout: timeouts.headers,
        requestTimeout: timeouts.request,
        keepAliveTimeout: timeouts.keepAlive,
        connectionsCheckingInterval: timeouts.check,
        maxHeaderSize: maxHeaderBytes,
        // Any other upgrade is ignored, as HTTP allows.
        shouldUpgradeCallback: asksForWebSocket,
        noDelay: true,
      },
      (request, response) => handler.handle(new NodeExchange(request, response, this.#nodeOptions(response))),
    );
    this.#nodeConnections = new NodeConnections(this.#server);
    this.#server.timeout = timeouts.socket;
    this.#server.maxHeadersCount = maxHeaderCount;
    limitBodyPauses({ server: this.#server, pauseMs: timeouts.bodyPause, clock: options.clock });
    this.#server.on('upgrade', (request: IncomingMessage, socket: Socket, ahead: Buffer) => {
      socket.setTimeout(0);
      const response = plainAnswerTo(request, socket);
      const exchange = new NodeExchange(request, response, this.#nodeOptions(response));
      this.#handler.handle(exchange, { request, socket, ahead });
    });
    this.#server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
      this.#waitingForContinue.add(response);
      this.#server.emit('request', request, response);
    });
    const answered = new AnsweredRequests(this.#server);
    this.#server.on('clientError', (error, socket) => {
      if (answered.mayAnswer(socket)) answerClientError(error, socket);
      else socket.destroy();
    });
    const accept = this.#server.listeners('connection') as ((this: Server, socket: Socket) => void)[];
    this.#server.removeAllListeners('connection');
    const toNode = (socket: Socket): void => {
      this.#nodeConnections.add(socket);
      for (const listener of accept) listener.call(this.#server, socket);
    };
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      if (options.onLink !== undefined) {
        receiveLink(socket, {
          handle: (exchange) => handler.handle(exchange),
          onLink: options.onLink,
          onTunnel: toNode,
        });
        return;
      }
      if (options.usesNodeParserOnly === true) {
        toNode(socket);
        return;
      }
      const connection = new DirectConnection({
        socket,
        clock: options.clock,
        timeouts: {
          first: timeouts.headers,
          keepAlive: timeouts.keepAlive,
          bodyPause: timeouts.bodyPause,
          request: timeouts.request,
        },
        handle: (exchange) => handler.handle(exchange),
        handOff: toNode,
        onClosed: (gone) => this.#direct.delete(gone),
        isClosing: () => this.#isClosing,
      });
      this.#direct.add(connection);
    });
  }

  /** Resolves with the port. Rejects with `unavailable`/`port_taken` and what to do. */
  async listen(host: string, port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      const fail = (error: NodeJS.ErrnoException): void => reject(listenError(error, host, port));
      this.#server.once('error', fail);
      this.#server.listen({ host, port, backlog: 4096 }, () => {
        this.#server.off('error', fail);
        resolve();
      });
    });
    return (this.#server.address() as AddressInfo).port;
  }

  /** For the connections of gateway processes: on a Unix socket. */
  async listenAt(path: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ path, backlog: 4096 }, resolve);
    });
  }

  #nodeOptions(response: ServerResponse): NodeExchangeOptions {
    return { waitsForContinue: this.#waitingForContinue.has(response), isClosing: () => this.#isClosing };
  }

  /** No new connections; idle ones end now, busy ones after their response. Resolves when all are gone or `graceMs` is over. */
  async close(graceMs: number): Promise<void> {
    this.#isClosing = true;
    if (!this.#server.listening) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        for (const socket of this.#sockets) socket.destroy();
      }, graceMs);
      this.#server.close(() => {
        clearTimeout(timer);
        resolve();
      });
      this.#nodeConnections.closeWhenIdle();
      for (const connection of this.#direct) connection.closeWhenIdle();
      this.#handler.closeWebSockets();
    });
  }
}

/** For a request for a WebSocket that is answered in another way; the connection ends with it. */
function plainAnswerTo(request: IncomingMessage, socket: Socket): ServerResponse {
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(socket);
  response.once('finish', () => {
    response.detachSocket(socket);
    socket.destroySoon();
  });
  return response;
}

/** What `listen` rejects with, and what to do. */
export function listenError(error: NodeJS.ErrnoException, host: string, port: number): PlatformError {
  if (error.code === 'EADDRINUSE')
    return new PlatformError(
      'unavailable',
      'port_taken',
      `port ${port} on ${host} is taken; stop what uses it or set HEARTH_GATEWAY_PORT to another`,
      { cause: error },
    );
  if (error.code === 'EACCES')
    return new PlatformError(
      'unavailable',
      'port_forbidden',
      `port ${port} needs more rights; set HEARTH_GATEWAY_PORT to one above 1023`,
      { cause: error },
    );
  return new PlatformError('unavailable', 'listen_failed', `cannot listen on ${host}:${port}: ${error.message}`, {
    cause: error,
  });
}

const clientErrors: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};

/** What Node's parser refuses never becomes a request; the client gets one line and the connection ends. */
function answerClientError(error: NodeJS.ErrnoException, socket: import('node:stream').Duplex): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const status = clientErrors[error.code ?? ''] ?? '400 Bad Request';
  socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
}
