import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type Duplex, pipeline } from 'node:stream';
import type { Clock } from '../../core/ports/clock.ts';
import type { EgressClient, EgressGate } from '../../core/ports/egress-gate.ts';
import { AllowList, type EgressTarget, parseTarget } from './allow-list.ts';
import { type GuardedDialer, NotPublic } from './guarded-dialer.ts';
import { forwardableHeaders } from './headers.ts';
import { RefusalLog } from './refusal-log.ts';

export interface EgressProxyOptions {
  readonly dialer: GuardedDialer;
  readonly clock: Clock;
}

/** One way out: an instance with its list. */
interface Passage {
  readonly list: AllowList;
  readonly log: RefusalLog;
}
type Verdict = { readonly status: 400 | 403 | 502; readonly reason: string };

/** Since the start of the process. */
export interface EgressTotals {
  readonly connections: number;
  readonly refused: number;
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

/**
 * The HTTP proxy of sandboxes without a network: CONNECT, and requests with an absolute http: URL. It runs here, outside, on connections that their
 * agents hand on; nothing listens. Which host a function may reach is decided here alone.
 */
export class EgressProxy implements EgressGate {
  readonly #options: EgressProxyOptions;
  readonly #server = createServer({ requestTimeout: 0, keepAliveTimeout: 0, maxHeaderSize: 16_384 });
  readonly #passages = new WeakMap<object, Passage>();
  #connections = 0;
  #refused = 0;
  #sentBytes = 0;
  #receivedBytes = 0;

  constructor(options: EgressProxyOptions) {
    this.#options = options;
    this.#server.on('request', (asked, answer) => this.#forward(asked, answer));
    this.#server.on('connect', (asked, connection, head) => void this.#connect(asked, connection, head));
    this.#server.on('clientError', (_error, connection) => connection.destroy());
  }

  get totals(): EgressTotals {
    const connections = this.#connections;
    const refused = this.#refused;
    return { connections, refused, sentBytes: this.#sentBytes, receivedBytes: this.#receivedBytes };
  }

  admit(client: EgressClient): (connection: Duplex) => void {
    const monotonic = () => this.#options.clock.monotonic();
    const log = new RefusalLog({ monotonic, write: (text) => client.note(text) });
    const passage = { list: new AllowList(client.rules), log };
    return (connection) => {
      this.#passages.set(connection, passage);
      // Whoever uses it afterwards has handlers of their own; between those nothing may be left unheard.
      connection.on('error', () => undefined);
      this.#server.emit('connection', connection);
    };
  }

  /** CONNECT: bytes both ways, whatever they are. */
  async #connect(asked: IncomingMessage, connection: Duplex, head: Buffer): Promise<void> {
    const target = parseTarget(asked.url ?? '');
    const verdict = this.#judge(connection, target);
    if (verdict !== undefined || target === undefined) {
      refuseTunnel(connection, verdict ?? { status: 400, reason: 'no target' });
      return;
    }
    try {
      const upstream = await this.#options.dialer.dial(target);
      this.#count(upstream);
      connection.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      if (head.length > 0) upstream.write(head);
      pipeline(connection, upstream, connection, () => undefined);
    } catch (error) {
      refuseTunnel(connection, this.#failed(connection, target, error));
    }
  }

  /** A request for an http: URL, made here in its place. */
  #forward(asked: IncomingMessage, answer: ServerResponse): void {
    const url = absoluteHttp(asked.url ?? '');
    const target = url === undefined ? undefined : parseTarget(url.host, 80);
    const verdict = this.#judge(asked.socket, target);
    if (verdict !== undefined || url === undefined || target === undefined) {
      refuse(answer, verdict ?? { status: 400, reason: 'no target' });
      return;
    }
    const upstream = request({
      ...target,
      method: asked.method,
      path: url.pathname + url.search,
      headers: { ...forwardableHeaders(asked.rawHeaders), host: url.host },
      createConnection: (_options, connected) => {
        this.#options.dialer.dial(target).then(
          (socket) => {
            this.#count(socket);
            connected(null, socket);
          },
          (error: Error) => connected(error, undefined as never),
        );
        return undefined;
      },
    });
    upstream.once('response', (response) => {
      answer.writeHead(response.statusCode ?? 502, response.statusMessage, forwardableHeaders(response.rawHeaders));
      pipeline(response, answer, () => undefined);
    });
    upstream.on('error', (error) => {
      if (answer.headersSent) answer.destroy(error);
      else refuse(answer, this.#failed(asked.socket, target, error));
    });
    answer.once('close', () => upstream.destroy());
    asked.pipe(upstream);
  }

  #judge(connection: object, target: EgressTarget | undefined): Verdict | undefined {
    const passage = this.#passages.get(connection);
    if (target === undefined)
      return { status: 400, reason: 'ask for CONNECT host:port, or for a URL that begins with http://' };
    if (passage?.list.allows(target) === true) return undefined;
    return this.#refuse(passage, target, 'it is not on the allow-list of this function');
  }

  #failed(connection: object, target: EgressTarget, error: unknown): Verdict {
    const passage = this.#passages.get(connection);
    if (error instanceof NotPublic) return this.#refuse(passage, target, 'it is not in the public internet');
    const why = (error as NodeJS.ErrnoException).code ?? (error as Error).message;
    return { status: 502, reason: `${nameOf(target)} cannot be reached: ${why}` };
  }

  #refuse(passage: Passage | undefined, target: EgressTarget, why: string): Verdict {
    this.#refused++;
    const reason = `egress to ${nameOf(target)} was refused: ${why}`;
    passage?.log.add(reason);
    return { status: 403, reason };
  }

  #count(upstream: Socket): void {
    this.#connections++;
    upstream.once('close', () => {
      this.#sentBytes += upstream.bytesWritten;
      this.#receivedBytes += upstream.bytesRead;
    });
  }
}

const nameOf = ({ host, port }: EgressTarget) => `${host.includes(':') ? `[${host}]` : host}:${port}`;

function absoluteHttp(url: string): URL | undefined {
  const parsed = URL.parse(url);
  const isPlain = parsed?.protocol === 'http:' && parsed.username === '' && parsed.password === '';
  return isPlain ? parsed : undefined;
}

function refuse(answer: ServerResponse, { status, reason }: Verdict): void {
  answer.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' });
  answer.end(`${reason}\n`);
}

function refuseTunnel(connection: Duplex, { status, reason }: Verdict): void {
  const body = `${reason}\n`;
  const phrase = { 400: 'Bad Request', 403: 'Forbidden', 502: 'Bad Gateway' }[status];
  const head = `HTTP/1.1 ${status} ${phrase}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n`;
  connection.end(head + body);
  connection.resume();
}
