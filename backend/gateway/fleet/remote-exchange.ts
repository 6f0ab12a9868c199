import type { Body } from '../../core/invocation.ts';
import type { Exchange } from '../http/exchange.ts';
import { requestTooLarge } from '../request-body.ts';
import { encodeFrame, encodeWithMeta, type LinkWriter, linkFrames, type RequestMeta } from './link-frames.ts';

/** As much of a response may be on its way to a gateway process and its client before the function waits. */
const windowBytes = 256 * 1024;

/** A request that a gateway process has read whole, and whose response it writes. */
export class RemoteExchange implements Exchange {
  readonly method: string;
  readonly target: string;
  readonly rawHeaders: readonly string[];
  readonly remoteAddress: string;
  readonly #id: number;
  readonly #body: Buffer;
  readonly #writer: LinkWriter;
  readonly #onOver: () => void;
  #onGone: (() => void) | undefined;
  #hasStarted = false;
  #isOver = false;
  #isLast = false;
  #onTheWay = 0;
  #full: PromiseWithResolvers<void> | undefined;

  constructor(id: number, meta: RequestMeta, body: Buffer, writer: LinkWriter, onOver: () => void) {
    this.method = meta.method;
    this.target = meta.target;
    this.rawHeaders = meta.headers;
    this.remoteAddress = meta.address;
    this.#id = id;
    this.#body = body;
    this.#writer = writer;
    this.#onOver = onOver;
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
    this.#writer.write(encodeWithMeta(linkFrames.respond, this.#id, { status, headers, isLast: this.#isLast }, body));
    this.#finish();
  }

  start(status: number, headers: readonly string[]): void {
    if (this.#isOver || this.#hasStarted) return;
    this.#hasStarted = true;
    this.#writer.write(encodeWithMeta(linkFrames.start, this.#id, { status, headers, isLast: this.#isLast }));
  }

  write(data: Buffer): Promise<void> | undefined {
    if (this.#isOver || data.length === 0) return undefined;
    this.#writer.write(encodeFrame(linkFrames.data, this.#id, data));
    this.#onTheWay += data.length;
    if (this.#onTheWay < windowBytes) return undefined;
    this.#full ??= Promise.withResolvers<void>();
    return this.#full.promise;
  }

  end(): void {
    if (this.#isOver || !this.#hasStarted) return;
    this.#writer.write(encodeFrame(linkFrames.end, this.#id));
    this.#finish();
  }

  cut(): void {
    if (this.#isOver) return;
    this.#writer.write(encodeFrame(linkFrames.cut, this.#id));
    // The answer to it is that the client is gone.
  }

  closeAfter(): void {
    if (!this.#hasStarted) this.#isLast = true;
  }

  closeIfMuchIsUnread(): void {}

  /** The gateway process limits every response that has ended here. */
  limitStall(): void {}

  /** For the link: the client has taken so many bytes. */
  taken(bytes: number): void {
    this.#onTheWay -= bytes;
    if (this.#onTheWay >= windowBytes / 2) return;
    this.#full?.resolve();
    this.#full = undefined;
  }

  /** For the link: the client, or the process that has its connection, is gone. */
  gone(): void {
    if (this.#isOver) return;
    const listener = this.#onGone;
    this.#finish();
    listener?.();
  }

  #finish(): void {
    this.#isOver = true;
    this.#onGone = undefined;
    this.#full?.resolve();
    this.#full = undefined;
    this.#onOver();
  }
}
