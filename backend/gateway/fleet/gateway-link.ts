import type { Socket } from 'node:net';
import type { Exchange } from '../http/exchange.ts';
import {
  decodeWithMeta,
  encodeFrame,
  LinkDecoder,
  type LinkFrame,
  type LinkHello,
  LinkWriter,
  linkFrames,
  type RequestMeta,
} from './link-frames.ts';
import { RemoteExchange } from './remote-exchange.ts';

/** A head of 32 KiB and a body of 64 KiB, with all that JSON may make of them. */
const maxRequestBytes = 1024 * 1024;

export interface IncomingLinkOptions {
  readonly handle: (exchange: Exchange) => void;
  /** The connection turned out to be that of a gateway process, which listens. */
  readonly onLink: (link: GatewayLink, hello: LinkHello) => void;
  /** The connection turned out to be that of a client, with everything that it sent unread. */
  readonly onTunnel: (socket: Socket) => void;
}

/** Looks at the first frame of a connection to the platform's socket: a gateway process's own, or one that it tunnels for a client. */
export function receiveLink(socket: Socket, options: IncomingLinkOptions): void {
  let link: GatewayLink | undefined;
  let tunnelled = false;
  const decoder: LinkDecoder = new LinkDecoder(maxRequestBytes, (frame) => {
    if (link !== undefined) link.receive(frame);
    else if (frame.type === linkFrames.hello) {
      link = new GatewayLink(socket, options.handle);
      options.onLink(link, JSON.parse(frame.payload.toString()) as LinkHello);
    } else if (frame.type === linkFrames.tunnel) {
      decoder.stop();
      const address = frame.payload.toString();
      // What the gateway process saw: the peer of this socket is that process.
      Object.defineProperty(socket, 'remoteAddress', { value: address });
      // Closed with bytes unread, it would be reset, and what was said last lost: the gateway process ends it when that has arrived.
      socket.destroySoon = () => void socket.end().resume();
      tunnelled = true;
    } else socket.destroy();
  });
  const onData = (chunk: Buffer): void => {
    try {
      decoder.push(chunk);
    } catch {
      socket.destroy();
      return;
    }
    if (!tunnelled) return;
    socket.off('data', onData);
    socket.off('error', onBroken);
    socket.off('end', onBroken);
    socket.pause();
    if (decoder.rest.length > 0) socket.unshift(Buffer.from(decoder.rest));
    options.onTunnel(socket);
    process.nextTick(() => socket.resume());
  };
  const onBroken = (): void => void socket.destroy();
  // The server leaves connections open whose other end has nothing more to say.
  socket.on('end', onBroken);
  socket.on('data', onData);
  socket.on('error', onBroken);
  socket.once('close', () => link?.lost());
}

/** The platform's end of the connection to one gateway process. */
export class GatewayLink {
  readonly #socket: Socket;
  readonly #writer: LinkWriter;
  readonly #handle: (exchange: Exchange) => void;
  readonly #exchanges = new Map<number, RemoteExchange>();

  constructor(socket: Socket, handle: (exchange: Exchange) => void) {
    this.#socket = socket;
    this.#writer = new LinkWriter(socket);
    this.#handle = handle;
  }

  receive({ type, id, payload }: LinkFrame): void {
    if (type === linkFrames.request) {
      const { meta, body } = decodeWithMeta<RequestMeta>(payload);
      const exchange = new RemoteExchange(id, meta, body, this.#writer, () => this.#exchanges.delete(id));
      this.#exchanges.set(id, exchange);
      this.#handle(exchange);
    } else if (type === linkFrames.gone) this.#exchanges.get(id)?.gone();
    else if (type === linkFrames.taken) this.#exchanges.get(id)?.taken(payload.readUInt32BE(0));
    else this.#socket.destroy();
  }

  /** Asks the process to take no new connections and to end with the last one. */
  close(): void {
    this.#writer.write(encodeFrame(linkFrames.close, 0));
  }

  /** The process is gone, and with it the clients of all its calls. */
  lost(): void {
    for (const exchange of [...this.#exchanges.values()]) exchange.gone();
  }
}
