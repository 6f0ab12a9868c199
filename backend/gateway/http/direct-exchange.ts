import type { Socket } from 'node:net';
import type { Body } from '../../core/invocation.ts';
import { PatientWriter, type RoomyStream } from '../../util/patient-writer.ts';
import { requestTooLarge } from '../request-body.ts';
import { type Exchange, hasNoBody } from './exchange.ts';
import type { RequestHead } from './request-head.ts';
import { responseHead } from './response-head.ts';

/** The connection that an exchange happens on. */
export interface DirectHost {
  readonly socket: Socket;
  readonly remoteAddress: string;
  readonly nowMs: number;
  readonly keepAliveSeconds: number | undefined;
  /** The response has been written whole; the next request may come unless this was the last. */
  responded(isLast: boolean): void;
  limitStall(ms: number): void;
  destroy(): void;
}

/**
 * A body up to this size leaves in one write with the head. Latin-1 maps bytes to characters and back one to one, so it travels as
 * text; the copy costs less than a second write.
 */
const oneWriteBytes = 16_384;

/** A request that `parseRequestHead` took; its body is whole. */
export class DirectExchange implements Exchange {
  readonly method: string;
  readonly target: string;
  readonly rawHeaders: readonly string[];
  readonly #host: DirectHost;
  readonly #body: Buffer;
  #onGone: (() => void) | undefined;
  #isLast = false;
  #hasStarted = false;
  #isOver = false;
  /** Of a streamed response that may have one. */
  #writer: PatientWriter | undefined;

  constructor(host: DirectHost, head: RequestHead, body: Buffer) {
    this.#host = host;
    this.method = head.method;
    this.target = head.target;
    this.rawHeaders = head.headers;
    this.#body = body;
  }

  get remoteAddress(): string {
    return this.#host.remoteAddress;
  }
  get hasStarted(): boolean {
    return this.#hasStarted;
  }
  get isOver(): boolean {
    return this.#isOver;
  }

  onGone(listener: () => void): void {
    this.#onGone = listener;
  }

  readBody(maxBytes: number): Body {
    if (this.#body.length > maxBytes) throw requestTooLarge(maxBytes);
    return this.#body;
  }

  dropBody(): void {}

  respond(status: number, headers: readonly string[], body: Buffer | undefined): void {
    if (this.#isOver || this.#hasStarted) return;
    this.#hasStarted = true;
    const { socket } = this.#host;
    const head = this.#head(status, headers, false);
    if (body === undefined || body.length === 0 || hasNoBody(this.method, status)) socket.write(head, 'latin1');
    else if (body.length <= oneWriteBytes) socket.write(head + body.toString('latin1'), 'latin1');
    else {
      socket.cork();
      socket.write(head, 'latin1');
      socket.write(body);
      socket.uncork();
    }
    this.#finish();
  }

  start(status: number, headers: readonly string[]): void {
    if (this.#isOver || this.#hasStarted) return;
    this.#hasStarted = true;
    const { socket } = this.#host;
    const isChunked = !hasNoBody(this.method, status);
    socket.cork();
    // The first bytes of the body, if they are here, travel in the same packet.
    process.nextTick(() => socket.uncork());
    socket.write(this.#head(status, headers, isChunked), 'latin1');
    if (isChunked) this.#writer = new PatientWriter(new ChunkedStream(socket));
  }

  write(data: Buffer): Promise<void> | undefined {
    if (this.#isOver || data.length === 0) return undefined;
    return this.#writer?.write(data);
  }

  end(): void {
    if (this.#isOver || !this.#hasStarted) return;
    if (this.#writer !== undefined) {
      this.#writer.flush();
      // RFC 9112 section 7.1: the last chunk.
      this.#host.socket.write('0\r\n\r\n', 'latin1');
    }
    this.#finish();
  }

  cut(): void {
    this.#host.destroy();
  }

  closeAfter(): void {
    if (!this.#hasStarted) this.#isLast = true;
  }

  closeIfMuchIsUnread(): void {}

  limitStall(ms: number): void {
    this.#host.limitStall(ms);
  }

  /** For the connection: the client went away. */
  gone(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const listener = this.#onGone;
    this.#onGone = undefined;
    listener?.();
  }

  #head(status: number, headers: readonly string[], isChunked: boolean): string {
    const { nowMs, keepAliveSeconds } = this.#host;
    if (keepAliveSeconds === undefined) this.#isLast = true;
    return responseHead({
      status,
      headers,
      nowMs,
      isChunked,
      keepAliveSeconds: this.#isLast ? undefined : keepAliveSeconds,
    });
  }

  #finish(): void {
    this.#isOver = true;
    this.#onGone = undefined;
    this.#host.responded(this.#isLast);
  }
}

/** Each piece as a chunk (RFC 9112 section 7.1), in one write with its length. */
class ChunkedStream implements RoomyStream {
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  get destroyed(): boolean {
    return this.#socket.destroyed;
  }
  get writableNeedDrain(): boolean {
    return this.#socket.writableNeedDrain;
  }

  write(data: Buffer): boolean {
    const socket = this.#socket;
    socket.cork();
    socket.write(`${data.length.toString(16)}\r\n`, 'latin1');
    socket.write(data);
    const hasRoom = socket.write('\r\n', 'latin1');
    socket.uncork();
    return hasRoom;
  }

  on(event: 'drain' | 'close', listener: () => void): void {
    this.#socket.on(event, listener);
  }

  off(event: 'drain' | 'close', listener: () => void): void {
    this.#socket.off(event, listener);
  }
}
