import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

/**
 * The connections that Node's parser has, and which of them are answering. Node's own `closeIdleConnections` looks once and takes half a
 * request head for a request: at the end of the platform, connections that became idle later, and those that never said all of a head, would be
 * waited for until the grace is over.
 */
export class NodeConnections {
  /** How many requests of each are being answered. */
  readonly #unanswered = new Map<Duplex, number>();
  #isClosing = false;

  constructor(server: Server) {
    server.on('request', (request: IncomingMessage, response: ServerResponse) => this.#begun(request.socket, response));
    // It belongs to a WebSocket, which is told by itself, or ends with an ordinary response.
    server.on('upgrade', (_request: IncomingMessage, socket: Duplex) => this.#unanswered.delete(socket));
  }

  /** A connection that Node's parser has from now on. */
  add(socket: Duplex): void {
    this.#unanswered.set(socket, 0);
    socket.once('close', () => this.#unanswered.delete(socket));
  }

  /** Ends the idle ones now, and each other with its last response. */
  closeWhenIdle(): void {
    this.#isClosing = true;
    for (const [socket, count] of this.#unanswered) if (count === 0) socket.destroy();
  }

  #begun(socket: Duplex, response: ServerResponse): void {
    this.#add(socket, 1);
    response.once('close', () => {
      if (this.#add(socket, -1) === 0 && this.#isClosing) socket.end();
    });
  }

  /** How many there are then; undefined when the connection is gone. */
  #add(socket: Duplex, more: 1 | -1): number | undefined {
    const before = this.#unanswered.get(socket);
    if (before === undefined) return undefined;
    this.#unanswered.set(socket, before + more);
    return before + more;
  }
}
