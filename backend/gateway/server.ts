import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { PlatformError } from '../../shared/errors.ts';
import { RequestHandler, type RequestHandlerOptions } from './request-handler.ts';

/** Node's time-outs, set on purpose (docs/gateway.md). Milliseconds. */
const gatewayTimeouts = {
  /** From the first byte of a request to the end of its headers. */
  headers: 10_000,
  /** From the first byte of a request to the end of its body: a slow upload may take this long. */
  request: 300_000,
  /** An idle connection between requests. */
  keepAlive: 65_000,
  /** A connection on which nothing moves: longer than the longest call. */
  socket: 930_000,
  /** How often the first two are looked at; Node's own default is 30 s. */
  check: 2000,
} as const;

const maxHeaderBytes = 32 * 1024;
const maxHeaderCount = 200;

/** The public front for function traffic: its own listener on plain `node:http`, so that nothing of a framework is on the hot path. */
export class GatewayServer {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isClosing = false;

  constructor(options: RequestHandlerOptions) {
    const handler = new RequestHandler(options);
    this.#server = createServer(
      {
        headersTimeout: gatewayTimeouts.headers,
        requestTimeout: gatewayTimeouts.request,
        keepAliveTimeout: gatewayTimeouts.keepAlive,
        connectionsCheckingInterval: gatewayTimeouts.check,
        maxHeaderSize: maxHeaderBytes,
        noDelay: true,
      },
      (request, response) => {
        if (this.#isClosing) response.setHeader('connection', 'close');
        handler.handle(request, response);
      },
    );
    this.#server.timeout = gatewayTimeouts.socket;
    this.#server.maxHeadersCount = maxHeaderCount;
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    this.#server.on('clientError', answerClientError);
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
      this.#server.closeIdleConnections();
    });
  }
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): PlatformError {
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
