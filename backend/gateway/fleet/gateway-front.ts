import type { AddressInfo } from 'node:net';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Clock } from '../../core/ports/clock.ts';
import { DirectConnection } from '../http/direct-connection.ts';
import type { Exchange } from '../http/exchange.ts';
import {
  decodeWithMeta,
  encodeFrame,
  encodeWithMeta,
  LinkDecoder,
  type LinkFrame,
  type LinkHello,
  LinkWriter,
  linkFrames,
  type ResponseMeta,
} from './link-frames.ts';

/** A whole response of the largest size that a version may have, with its head. */
const maxResponseBytes = 1024 * 1024 * 1024;

export interface GatewayFrontOptions {
  /** The platform's socket. */
  readonly socketPath: string;
  readonly host: string;
  readonly port: number;
  readonly clock: Clock;
  readonly timeouts: {
    readonly headers: number;
    readonly request: number;
    readonly bodyPause: number;
    readonly keepAlive: number;
  };
  readonly stalledClientMs: number;
  /** Nothing is left to do here: the platform is gone, or it asked for the end and the last connection has ended. */
  readonly onOver: () => void;
}

/**
 * What runs in a gateway process: reads plain requests and writes their responses; what becomes of a request is the platform's matter. A
 * connection that brings anything else (large or chunked bodies, WebSockets) is handed to the platform byte by byte, for good.
 */
export class GatewayFront {
  readonly #options: GatewayFrontOptions;
  readonly #server: Server;
  readonly #link: Socket;
  readonly #writer: LinkWriter;
  readonly #connections = new Set<DirectConnection>();
  readonly #exchanges = new Map<number, Exchange>();
  #lastId = 0;
  #isClosing = false;

  constructor(options: GatewayFrontOptions) {
    this.#options = options;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket));
    this.#link = connect(options.socketPath);
    this.#writer = new LinkWriter(this.#link);
    const decoder = new LinkDecoder(maxResponseBytes, (frame) => this.#receive(frame));
    this.#link.on('data', (chunk: Buffer) => decoder.push(chunk));
    this.#link.on('error', () => undefined);
    // Nobody is there who could answer.
    this.#link.once('close', options.onOver);
  }

  /** Listens beside other processes on the same port (SO_REUSEPORT), and tells the platform. */
  async listen(): Promise<void> {
    const { host, port } = this.#options;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host, port, backlog: 4096, reusePort: true }, resolve);
    });
    const address = this.#server.address() as AddressInfo;
    this.#writer.write(
      encodeFrame(
        linkFrames.hello,
        0,
        Buffer.from(JSON.stringify({ pid: process.pid, port: address.port } satisfies LinkHello)),
      ),
    );
  }

  #accept(socket: Socket): void {
    const { clock, timeouts } = this.#options;
    const connection = new DirectConnection({
      socket,
      clock,
      timeouts: {
        first: timeouts.headers,
        keepAlive: timeouts.keepAlive,
        bodyPause: timeouts.bodyPause,
        request: timeouts.request,
      },
      handle: (exchange) => this.#forward(exchange),
      handOff: (given) => this.#tunnel(given),
      onClosed: (gone) => this.#connections.delete(gone),
      isClosing: () => this.#isClosing,
    });
    this.#connections.add(connection);
  }

  #forward(exchange: Exchange): void {
    // Ids go round: a call that is four thousand million requests old is none.
    this.#lastId = this.#lastId === 0xffff_ffff ? 1 : this.#lastId + 1;
    const id = this.#lastId;
    this.#exchanges.set(id, exchange);
    exchange.onGone(() => {
      this.#exchanges.delete(id);
      this.#writer.write(encodeFrame(linkFrames.gone, id));
    });
    const { method, target, rawHeaders: headers, remoteAddress: address } = exchange;
    // Whole in a DirectExchange; how long it may be is for the platform to say.
    const body = exchange.readBody(Number.MAX_SAFE_INTEGER, () => undefined) as Buffer;
    this.#writer.write(encodeWithMeta(linkFrames.request, id, { method, target, headers, address }, body));
  }

  #receive({ type, id, payload }: LinkFrame): void {
    if (type === linkFrames.close) {
      this.#close();
      return;
    }
    const exchange = this.#exchanges.get(id);
    // Its client went while this was on its way.
    if (exchange === undefined) return;
    switch (type) {
      case linkFrames.respond: {
        const { meta, body } = decodeWithMeta<ResponseMeta>(payload);
        if (meta.isLast) exchange.closeAfter();
        exchange.respond(meta.status, meta.headers, body);
        this.#over(id, exchange);
        return;
      }
      case linkFrames.start: {
        const { meta } = decodeWithMeta<ResponseMeta>(payload);
        if (meta.isLast) exchange.closeAfter();
        exchange.start(meta.status, meta.headers);
        return;
      }
      case linkFrames.data:
        this.#write(id, exchange, Buffer.from(payload));
        return;
      case linkFrames.end:
        exchange.end();
        this.#over(id, exchange);
        return;
      case linkFrames.cut:
        exchange.cut();
        return;
      default:
        this.#link.destroy();
    }
  }

  #write(id: number, exchange: Exchange, data: Buffer): void {
    const taken = (): void => {
      const bytes = Buffer.allocUnsafe(4);
      bytes.writeUInt32BE(data.length);
      this.#writer.write(encodeFrame(linkFrames.taken, id, bytes));
    };
    const full = exchange.write(data);
    if (full === undefined) taken();
    else void full.then(taken);
  }

  #over(id: number, exchange: Exchange): void {
    this.#exchanges.delete(id);
    exchange.limitStall(this.#options.stalledClientMs);
  }

  /** The bytes of a connection, both ways, with the back-pressure of both. */
  #tunnel(socket: Socket): void {
    const { socketPath } = this.#options;
    const upstream = connect({ path: socketPath, allowHalfOpen: true });
    upstream.write(encodeFrame(linkFrames.tunnel, 0, Buffer.from(socket.remoteAddress ?? '')));
    socket.on('error', () => undefined);
    socket.once('close', () => upstream.destroy());
    // What the platform has said still goes to the client; then the connection ends, whatever the client still sends.
    upstream.on('error', () => socket.destroySoon());
    upstream.once('end', () => socket.destroySoon());
    upstream.once('close', () => socket.destroySoon());
    socket.pipe(upstream);
    upstream.pipe(socket);
  }

  #close(): void {
    this.#isClosing = true;
    this.#server.close(() => this.#options.onOver());
    for (const connection of this.#connections) connection.closeWhenIdle();
  }
}
