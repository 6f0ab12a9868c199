import type { Server, Socket } from 'node:net';
import type { Channel } from './channel.ts';
import { flagEnd, frameTypes, maxTunnelChunkBytes, noBytes, tunnelCreditBytes } from './wire.ts';

/** Credit is given back in lumps of this. */
const grantBytes = tunnelCreditBytes / 4;

/** One connection of a program inside, on its way to the host. */
class Tunnel {
  readonly #id: number;
  readonly #channel: Channel;
  readonly #socket: Socket;
  #maySend = tunnelCreditBytes;
  #waiting: Buffer[] = [];
  #isEnding = false;
  #hasSentEnd = false;
  #hasEnded = false;
  #isOver = false;
  #written = 0;

  constructor(id: number, channel: Channel, socket: Socket, over: () => void) {
    this.#id = id;
    this.#channel = channel;
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      this.#waiting.push(chunk);
      this.#send();
    });
    socket.on('end', () => {
      this.#isEnding = true;
      this.#send();
    });
    socket.on('close', () => {
      if (!this.#isOver && !(this.#hasSentEnd && this.#hasEnded)) this.#frame(frameTypes.tunnelClose, 0, noBytes);
      this.#isOver = true;
      over();
    });
    this.#frame(frameTypes.tunnelOpen, 0, noBytes);
  }

  onData(bytes: Buffer, isLast: boolean): void {
    if (isLast) {
      this.#hasEnded = true;
      this.#socket.end();
      return;
    }
    this.#socket.write(bytes, () => {
      this.#written += bytes.length;
      if (this.#written < grantBytes || this.#isOver) return;
      this.#channel.writer.u32(frameTypes.tunnelWindow, this.#id, this.#written);
      this.#channel.flush();
      this.#written = 0;
    });
  }

  onWindow(bytes: number): void {
    this.#maySend += bytes;
    this.#send();
  }

  /** The host's side of it broke, or must not be there. */
  onClose(): void {
    this.#isOver = true;
    this.#socket.destroy();
  }

  #send(): void {
    for (let first = this.#waiting[0]; first !== undefined && this.#maySend > 0; first = this.#waiting[0]) {
      const piece = first.subarray(0, Math.min(this.#maySend, maxTunnelChunkBytes));
      if (piece.length === first.length) this.#waiting.shift();
      else this.#waiting[0] = first.subarray(piece.length);
      this.#maySend -= piece.length;
      this.#frame(frameTypes.tunnelData, 0, piece);
    }
    if (this.#waiting.length > 0) {
      this.#socket.pause();
      return;
    }
    this.#socket.resume();
    if (!this.#isEnding || this.#hasSentEnd || this.#isOver) return;
    this.#hasSentEnd = true;
    this.#frame(frameTypes.tunnelData, flagEnd, noBytes);
  }

  #frame(type: number, flags: number, payload: Buffer): void {
    this.#channel.writer.raw(type, flags, this.#id, payload);
    this.#channel.flush();
  }
}

/**
 * The way out of a sandbox without a network: a port on its loopback whose connections go through the channel. What comes out at the other end is
 * the platform's HTTP proxy; nothing is decided here.
 */
export class Tunnels {
  readonly #channel: Channel;
  readonly #tunnels = new Map<number, Tunnel>();
  #lastId = 0;

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  /** Listens, and resolves with the variables by which programs find the proxy. */
  async listen(most: number): Promise<Record<string, string>> {
    const { createServer } = process.getBuiltinModule('node:net');
    const server = createServer({ allowHalfOpen: true }, (socket) => this.#open(socket));
    server.maxConnections = most;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
    await promise;
    return proxyVariables(server);
  }

  receive(type: number, flags: number, id: number, payload: Buffer): void {
    const tunnel = this.#tunnels.get(id);
    if (tunnel === undefined) return;
    if (type === frameTypes.tunnelData) tunnel.onData(payload, (flags & flagEnd) !== 0);
    else if (type === frameTypes.tunnelWindow) tunnel.onWindow(payload.readUInt32BE(0));
    else {
      this.#tunnels.delete(id);
      tunnel.onClose();
    }
  }

  /** A copy of this sandbox must not go on with connections of the original. The host has done the same. */
  closeAll(): void {
    for (const tunnel of this.#tunnels.values()) tunnel.onClose();
  }

  #open(socket: Socket): void {
    const id = ++this.#lastId;
    this.#tunnels.set(id, new Tunnel(id, this.#channel, socket, () => this.#tunnels.delete(id)));
  }
}

function proxyVariables(server: Server): Record<string, string> {
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const url = `http://127.0.0.1:${port}`;
  const own = 'localhost,127.0.0.1,::1';
  return {
    HTTP_PROXY: url,
    HTTPS_PROXY: url,
    NO_PROXY: own,
    http_proxy: url,
    https_proxy: url,
    no_proxy: own,
    NODE_USE_ENV_PROXY: '1',
  };
}

/** Lets `fetch` and `node:http` of this process use the proxy. Node.js before 24.14 cannot be told after its start: programs must do it themselves. */
export function turnToProxy(variables: Readonly<Record<string, string>>): void {
  const http = process.getBuiltinModule('node:http') as { setGlobalProxyFromEnv?: (env: object) => void };
  http.setGlobalProxyFromEnv?.(variables);
}
