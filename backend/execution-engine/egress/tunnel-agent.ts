import { Agent, type ClientRequestArgs } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** Connections to the one host of a tunnel in which HTTP is spoken, kept from request to request as the program keeps its own. */
export class TunnelAgent extends Agent {
  readonly #open: () => Promise<Socket>;
  #first: Socket | undefined;

  /** `first` is there already; `open` makes more. */
  constructor(first: Socket, open: () => Promise<Socket>) {
    super({ keepAlive: true, maxSockets: 1 });
    this.#first = first;
    this.#open = open;
  }

  override createConnection(
    _options: ClientRequestArgs,
    connected: (error: Error | null, socket: Duplex) => void,
  ): undefined {
    const first = this.#first;
    this.#first = undefined;
    const opened = first === undefined || first.destroyed ? this.#open() : Promise.resolve(first);
    opened.then(
      (socket) => {
        connected(null, socket);
        // The first one was listened to, and stopped; the request that takes it attaches itself before it flows again.
        socket.resume();
      },
      (error: Error) => connected(error, undefined as never),
    );
    return undefined;
  }

  override destroy(): void {
    this.#first?.destroy();
    super.destroy();
  }
}
