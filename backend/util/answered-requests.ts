import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

/**
 * Tells a `clientError` listener whether the bytes that Node's parser refused may still be answered. They may not when they belong to a
 * request whose response has begun: a second response to one request would be taken, by a proxy that shares the connection, for the
 * answer to somebody else's, and one in the middle of a body would become part of it. Such a connection is only cut.
 */
export class AnsweredRequests {
  readonly #latest = new WeakMap<Duplex, readonly [IncomingMessage, ServerResponse]>();

  constructor(server: Server) {
    server.on('request', (request, response) => this.#latest.set(request.socket, [request, response]));
  }

  mayAnswer(socket: Duplex): boolean {
    const [request, response] = this.#latest.get(socket) ?? [];
    if (request === undefined || response === undefined || !response.headersSent) return true;
    return request.complete && response.writableFinished;
  }
}
