import type { IncomingMessage, ServerResponse } from 'node:http';
import type { PlatformError } from '../../../shared/errors.ts';
import type { Body } from '../../core/invocation.ts';
import { plainAddress } from '../../util/address-group.ts';
import { PatientWriter } from '../../util/patient-writer.ts';
import { declaredLength, readBody } from '../request-body.ts';
import type { Exchange } from './exchange.ts';

/** Node reads and drops the rest of a body after the response; worth it for so much only. */
const droppedBytes = 65_536;

export interface NodeExchangeOptions {
  /** The client said `Expect: 100-continue`: it sends its body when it is told that somebody reads it. */
  readonly waitsForContinue: boolean;
  /** No connection is to stay open. */
  readonly isClosing: () => boolean;
}

/** A request that Node's parser took. */
export class NodeExchange implements Exchange {
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #isClosing: () => boolean;
  #waitsForContinue: boolean;
  #writer: PatientWriter | undefined;

  constructor(request: IncomingMessage, response: ServerResponse, options: NodeExchangeOptions) {
    this.#request = request;
    this.#response = response;
    this.#isClosing = options.isClosing;
    this.#waitsForContinue = options.waitsForContinue;
    response.on('error', () => undefined);
  }

  get method(): string {
    return this.#request.method ?? 'GET';
  }
  get target(): string {
    return this.#request.url ?? '/';
  }
  get rawHeaders(): readonly string[] {
    return this.#request.rawHeaders;
  }
  get remoteAddress(): string {
    return plainAddress(this.#request.socket.remoteAddress ?? '');
  }
  get hasStarted(): boolean {
    return this.#response.headersSent;
  }
  get isOver(): boolean {
    return this.#response.destroyed || this.#response.writableEnded;
  }

  onGone(listener: () => void): void {
    const response = this.#response;
    response.once('close', () => {
      if (!response.writableFinished) listener();
    });
  }

  readBody(maxBytes: number, onCrossed: (error: PlatformError) => void): Body | Promise<Buffer> {
    const body = readBody(this.#request, maxBytes, onCrossed);
    if (this.#waitsForContinue) {
      this.#waitsForContinue = false;
      this.#response.writeContinue();
    }
    return body;
  }

  /** A streamed body that the function did not read to its end would block the connection for ever. */
  dropBody(body: Body): void {
    const request = this.#request;
    if (Buffer.isBuffer(body) || request.complete) return;
    this.closeAfter();
    request.unpipe();
    request.resume();
    body.destroy();
  }

  respond(status: number, headers: readonly string[], body: Buffer | undefined): void {
    const response = this.#response;
    if (this.isOver || response.headersSent) return;
    this.#closeIfNothingFollows();
    response.writeHead(status, headers as string[]);
    response.end(this.method === 'HEAD' ? undefined : body);
  }

  start(status: number, headers: readonly string[]): void {
    const response = this.#response;
    if (this.isOver || response.headersSent) return;
    this.#closeIfNothingFollows();
    response.writeHead(status, headers as string[]);
    // Alone, the head waits for the first bytes of the body, which may be long in coming.
    process.nextTick(() => response.flushHeaders());
  }

  write(data: Buffer): Promise<void> | undefined {
    this.#writer ??= new PatientWriter(this.#response);
    return this.#writer.write(data);
  }

  end(): void {
    this.#writer?.flush();
    this.#response.end();
  }

  cut(): void {
    this.#response.destroy();
  }

  closeAfter(): void {
    const response = this.#response;
    if (response.headersSent) return;
    response.shouldKeepAlive = false;
    response.setHeader('connection', 'close');
  }

  closeIfMuchIsUnread(): void {
    const length = declaredLength(this.#request);
    if (!this.#request.complete && (length === undefined || length > droppedBytes)) this.closeAfter();
  }

  /** A client that was never told to send its body may send it or leave it out: what comes next on the connection is anybody's guess. */
  #closeIfNothingFollows(): void {
    if (this.#waitsForContinue || this.#isClosing()) this.closeAfter();
  }

  limitStall(ms: number): void {
    if (this.#response.writableLength > droppedBytes) this.#response.socket?.setTimeout(ms);
  }
}
