import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Closes connections that carry no request when the server goes down: at once those that are quiet, the others as soon as
 * their answer is out. Node's `closeIdleConnections` leaves out connections that never carried one, as browsers open them
 * ahead, and each of them would hold up the end until its time-out.
 */
export class IdleConnections {
  readonly #inFlight = new Map<Socket, number>();
  #isClosing = false;

  constructor(server: Server) {
    server.on('connection', (socket) => {
      if (this.#isClosing) {
        socket.destroy();
        return;
      }
      this.#inFlight.set(socket, 0);
      socket.once('close', () => this.#inFlight.delete(socket));
    });
    server.on('request', (request, response) => {
      const { socket } = request;
      this.#count(socket, 1);
      response.once('close', () => {
        this.#count(socket, -1);
        if (this.#isClosing) this.#closeIfQuiet(socket);
      });
    });
  }

  close(): void {
    this.#isClosing = true;
    for (const socket of this.#inFlight.keys()) this.#closeIfQuiet(socket);
  }

  #count(socket: Socket, change: number): void {
    const before = this.#inFlight.get(socket);
    if (before !== undefined) this.#inFlight.set(socket, before + change);
  }

  #closeIfQuiet(socket: Socket): void {
    // What was written goes out first; the client's end of the connection is not waited for.
    if (this.#inFlight.get(socket) === 0) socket.destroySoon();
  }
}
