import { lookup } from 'node:dns/promises';
import { chmod } from 'node:fs/promises';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import { connect, isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { isPublicAddress } from '../../util/public-address.ts';

/** `host:port` that a build may reach. `isOperators`: the operator wrote it down, so it may lie in a private network. */
export interface AllowedHost {
  readonly host: string;
  readonly port: number;
  readonly isOperators: boolean;
}

export interface RegistryProxyOptions {
  readonly allowed: readonly AllowedHost[];
  /** Bytes in both directions together; then every connection is cut. */
  readonly maxBytes: number;
  readonly connectTimeoutMs?: number;
}

/** npm opens 15. Each costs the platform two descriptors, and what runs in a build could ask for thousands. */
const maxConnections = 64;

class Refusal extends Error {}

/**
 * The only way out of a build: an HTTP proxy on a Unix socket that reaches the configured registries and nothing else. It resolves
 * a name once, checks the addresses and dials the checked one, so that a name cannot change its mind in between.
 */
export class RegistryProxy {
  readonly #allowed: readonly AllowedHost[];
  readonly #maxBytes: number;
  readonly #connectTimeoutMs: number;
  readonly #server: Server;
  readonly #sockets = new Set<Duplex>();
  readonly #problems = new Set<string>();
  #bytes = 0;

  constructor(options: RegistryProxyOptions) {
    this.#allowed = options.allowed;
    this.#maxBytes = options.maxBytes;
    this.#connectTimeoutMs = options.connectTimeoutMs ?? 15_000;
    this.#server = createServer((incoming, response) => void this.#forward(incoming, response));
    this.#server.maxConnections = maxConnections;
    this.#server.on('connect', (incoming: IncomingMessage, socket: Duplex, head: Buffer) => {
      void this.#tunnel(incoming.url ?? '', socket, head);
    });
    this.#server.on('connection', (socket: Socket) => this.#track(socket));
  }

  /** What was refused or unreachable, one phrase each, for the build's error. */
  get problems(): readonly string[] {
    return [...this.#problems];
  }

  async listen(path: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(path, resolve);
    });
    // The directory decides who gets to it; the build's own uid must be able to connect.
    await chmod(path, 0o666);
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #track(socket: Duplex): void {
    this.#sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => this.#sockets.delete(socket));
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes <= this.#maxBytes) return;
    this.#problems.add(`more than ${Math.floor(this.#maxBytes / 1_048_576)} MiB were transferred`);
    for (const socket of this.#sockets) socket.destroy();
  }

  async #dial(host: string, port: number): Promise<Socket> {
    const name = host.toLowerCase().replace(/^\[|\]$/g, '');
    const entry = this.#allowed.find((allowed) => allowed.host === name && allowed.port === port);
    if (entry === undefined) {
      throw new Refusal(`${name}:${port} is not a package registry of this platform (the operator can add it)`);
    }
    const addresses = isIP(name) === 0 ? (await lookup(name, { all: true })).map((found) => found.address) : [name];
    const address = addresses.find((candidate) => entry.isOperators || isPublicAddress(candidate));
    if (address === undefined) throw new Refusal(`${name} resolves to a private address`);
    return this.#connect(address, port);
  }

  #connect(address: string, port: number): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: address, port });
      this.#track(socket);
      const timer = setTimeout(() => socket.destroy(new Error('ETIMEDOUT')), this.#connectTimeoutMs);
      socket.once('error', reject);
      socket.once('close', () => {
        clearTimeout(timer);
        reject(new Error('closed'));
      });
      socket.once('connect', () => {
        clearTimeout(timer);
        resolve(socket);
      });
    });
  }

  #explain(host: string, error: unknown): string {
    const reason =
      error instanceof Refusal
        ? error.message
        : `${host} cannot be reached (${(error as NodeJS.ErrnoException).code ?? (error as Error).message})`;
    this.#problems.add(reason);
    return reason;
  }

  async #tunnel(target: string, client: Duplex, head: Buffer): Promise<void> {
    const match = /^(.+):(\d{1,5})$/.exec(target);
    const [, host = '', port = '0'] = match ?? [];
    try {
      const upstream = await this.#dial(host, Number(port));
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      upstream.write(head);
      client.on('data', (chunk: Buffer) => this.#count(chunk.length));
      upstream.on('data', (chunk: Buffer) => this.#count(chunk.length));
      client.pipe(upstream).pipe(client);
      client.once('close', () => upstream.destroy());
      upstream.once('close', () => client.destroy());
    } catch (error) {
      const reason = this.#explain(host, error);
      client.end(
        `HTTP/1.1 403 Forbidden\r\nconnection: close\r\ncontent-length: ${Buffer.byteLength(reason)}\r\n\r\n${reason}`,
      );
    }
  }

  /** Plain http registries: an absolute URL in the request line. */
  async #forward(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = URL.canParse(incoming.url ?? '') ? new URL(incoming.url ?? '') : undefined;
    try {
      if (url === undefined || url.protocol !== 'http:') throw new Refusal('not a proxy request');
      const socket = await this.#dial(url.hostname, Number(url.port || 80));
      socket.on('data', (chunk: Buffer) => this.#count(chunk.length));
      const { 'proxy-connection': _dropped, ...headers } = incoming.headers;
      const upstream = request({
        createConnection: () => socket,
        method: incoming.method,
        path: `${url.pathname}${url.search}`,
        headers: { ...headers, connection: 'close' },
      });
      upstream.on('response', (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      });
      upstream.on('error', () => response.destroy());
      response.once('close', () => socket.destroy());
      incoming.pipe(upstream);
    } catch (error) {
      response.writeHead(403).end(this.#explain(url?.hostname ?? '', error));
    }
  }
}
