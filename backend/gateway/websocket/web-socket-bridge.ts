import { type Duplex, Readable } from 'node:stream';
import type { InvocationReport, ResponseHead, ResponseSink } from '../../core/invocation.ts';
import type { Clock } from '../../core/ports/clock.ts';
import { PatientWriter } from '../../util/patient-writer.ts';
import type { FaultResponse } from '../fault-responses.ts';
import {
  ClientFrames,
  closeCodes,
  closePayload,
  FunctionPieces,
  fin,
  frameHeader,
  opcodes,
  pieceOf,
  WebSocketError,
} from './frames.ts';
import type { Handshake } from './handshake.ts';

/** Milliseconds, docs/gateway.md. */
export interface WebSocketTimeouts {
  /** Without a message in either direction. */
  readonly idle: number;
  /** However busy. */
  readonly max: number;
  /** A client that says nothing is asked whether it is still there; twice without an answer and it is not. */
  readonly ping: number;
  /** For the other side to answer a close. */
  readonly close: number;
}

export interface WebSocketBridgeOptions {
  readonly socket: Duplex;
  /** What was read after the handshake. */
  readonly ahead: Buffer;
  readonly handshake: Handshake;
  readonly clock: Clock;
  readonly timeouts: WebSocketTimeouts;
  /** Longest message of the client, and of the function. */
  readonly maxMessageBytes: { readonly fromClient: number; readonly fromFunction: number };
  /** The function answers with an ordinary response instead. */
  readonly plain: ResponseSink & {
    finish(report: InvocationReport): void;
    fail(fault: FaultResponse, report?: InvocationReport): void;
  };
  /** The headers that every answer carries; name, value, name, value … */
  readonly headers: readonly string[];
  /** The client is gone, or one of the two broke the rules (`why`): nobody waits for the function any more. */
  readonly onGone: (why?: string) => void;
}

/** The names that belong to the handshake itself. */
const isOfHandshake = (name: string): boolean => name.startsWith('sec-websocket-') || name === 'content-length';
const maxWaitingBytes = 65_536;
const maxUnanswered = 2;

/**
 * A WebSocket between a client and one call of a function. The gateway speaks RFC 6455 with the client; to the function the messages travel in the
 * request body and come back in the response body, in pieces (docs/protocol.md), so that flow control, deadlines and accounting are
 * those of any call. No message is held here, however long.
 *
 * | state | meaning | leaves by |
 * | --- | --- | --- |
 * | opening | the function has not answered | 101 -> open; any other response -> plain; client gone, fault -> closed |
 * | plain | an ordinary response goes out | its end -> closed |
 * | open | messages go both ways | close of either side, limits, faults -> closing; client gone -> closed |
 * | closing | a close was sent or received | the call's end or the time for it -> closed |
 */
export class WebSocketBridge implements ResponseSink {
  /** The client's messages, as the call's request body. */
  readonly body: Readable;
  readonly #options: WebSocketBridgeOptions;
  readonly #fromClient: ClientFrames;
  readonly #fromFunction: FunctionPieces;
  readonly #writer: PatientWriter;
  #state: 'opening' | 'plain' | 'open' | 'closing' | 'closed' = 'opening';
  #sentClose = false;
  #bodyEnded = false;
  #full: Promise<void> | undefined;
  #openedMs = 0;
  #messageMs = 0;
  /** Pings sent since anything was heard. */
  #unanswered = 0;
  #pingedMs = 0;
  #cancelTimer: () => void = () => undefined;

  constructor(options: WebSocketBridgeOptions) {
    this.#options = options;
    const { socket, maxMessageBytes, ahead } = options;
    this.#writer = new PatientWriter(socket);
    this.body = new Readable({ read: () => socket.resume(), highWaterMark: maxWaitingBytes });
    // The protocol listens too; this one keeps an early failure from being thrown at the process.
    this.body.on('error', () => undefined);
    this.#fromClient = new ClientFrames({
      maxMessageBytes: maxMessageBytes.fromClient,
      onPiece: (first, payload) => this.#toFunction(first, payload),
      onPing: (payload) => this.#send(opcodes.pong, payload),
      onClose: (payload) => this.#clientCloses(payload),
    });
    this.#fromFunction = new FunctionPieces({
      maxMessageBytes: maxMessageBytes.fromFunction,
      write: (data) => {
        this.#full = this.#writer.write(data) ?? this.#full;
      },
      onClose: () => this.#functionCloses(),
    });
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('end', () => this.#gone());
    socket.on('close', () => this.#gone());
    socket.on('error', () => this.#gone());
    if (ahead.length > 0) this.#receive(ahead);
  }

  get hasOpened(): boolean {
    return this.#state !== 'opening';
  }

  head(head: ResponseHead): void {
    if (this.#state !== 'opening') return;
    if (head.status !== 101) {
      this.#state = 'plain';
      this.#options.plain.head(head);
      return;
    }
    this.#state = 'open';
    this.#options.socket.write(this.#openingOf(head), 'latin1');
    const now = this.#options.clock.monotonic();
    this.#openedMs = now;
    this.#messageMs = now;
    this.#pingedMs = now;
    this.#watch();
  }

  chunk(data: Buffer): Promise<void> | undefined {
    if (this.#state === 'plain') return this.#options.plain.chunk(data);
    if (this.#state !== 'open' && this.#state !== 'closing') return undefined;
    this.#messageMs = this.#options.clock.monotonic();
    this.#full = undefined;
    try {
      this.#fromFunction.push(data);
    } catch (error) {
      this.#close(error instanceof WebSocketError ? error.code : closeCodes.failed, 'the function failed');
      this.#options.onGone(
        error instanceof WebSocketError ? `the function broke the rules of the WebSocket: ${error.message}` : undefined,
      );
    }
    return this.#full;
  }

  /** The call is over. */
  finish(report: InvocationReport): void {
    if (this.#state === 'plain' || this.#state === 'opening') this.#options.plain.finish(report);
    else this.#close(undefined, '');
    this.#over();
  }

  /** The call failed; `report` says how, if it was one. */
  fail(fault: FaultResponse, report?: InvocationReport): void {
    if (this.#state === 'plain' || this.#state === 'opening') this.#options.plain.fail(fault, report);
    else {
      const isCancelled = report?.outcome.kind === 'cancelled';
      this.#close(closeCodes.failed, isCancelled ? 'the call was cancelled' : 'the function failed');
    }
    this.#over();
  }

  /** The platform ends, or a limit is reached: both sides are told. */
  goAway(reason: string): void {
    if (this.#state !== 'open') return;
    this.#toFunction(fin | opcodes.close, closePayload(closeCodes.goingAway, reason));
    this.#endBody();
    this.#close(closeCodes.goingAway, reason);
  }

  #openingOf(head: ResponseHead): string {
    const { handshake, headers } = this.#options;
    let text = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${handshake.accept}\r\n`;
    for (let i = 0; i + 1 < head.headers.length; i += 2) {
      const name = head.headers[i] as string;
      const value = head.headers[i + 1] as string;
      const lowerCaseName = name.toLowerCase();
      const isAgreed = lowerCaseName === 'sec-websocket-protocol' && handshake.offered.includes(value);
      if (lowerCaseName.startsWith('hearth-') || (isOfHandshake(lowerCaseName) && !isAgreed)) continue;
      text += `${name}: ${value}\r\n`;
    }
    for (let i = 0; i + 1 < headers.length; i += 2) text += `${headers[i]}: ${headers[i + 1]}\r\n`;
    return `${text}\r\n`;
  }

  #receive(chunk: Buffer): void {
    if (this.#state === 'closed' || this.#state === 'plain') return;
    this.#unanswered = 0;
    try {
      this.#fromClient.push(chunk);
    } catch (error) {
      if (!(error instanceof WebSocketError)) throw error;
      this.#close(error.code, error.message);
      this.#options.onGone(`the client broke the rules of the WebSocket: ${error.message}`);
    }
  }

  #toFunction(first: number, payload: Buffer): void {
    if (this.#bodyEnded) return;
    this.#messageMs = this.#options.clock.monotonic();
    if (!this.body.push(pieceOf(first, payload))) this.#options.socket.pause();
  }

  #clientCloses(payload: Buffer): void {
    this.#toFunction(fin | opcodes.close, payload);
    this.#endBody();
    if (this.#sentClose) {
      this.#options.socket.end();
      return;
    }
    this.#state = 'closing';
    // A function that does not answer has the time of a close.
    this.#after(this.#options.timeouts.close, () =>
      this.#close(payload.length < 2 ? undefined : payload.readUInt16BE(0), ''),
    );
  }

  /** Its close frame has been written. */
  #functionCloses(): void {
    this.#sentClose = true;
    if (this.#bodyEnded) this.#options.socket.end();
    else {
      this.#state = 'closing';
      this.#after(this.#options.timeouts.close, () => this.#options.socket.destroy());
    }
  }

  /** Sends a close, if none was sent, and gives the client the time to answer it. */
  #close(code: number | undefined, reason: string): void {
    if (this.#state === 'closed') return;
    this.#state = 'closing';
    if (!this.#sentClose) {
      this.#sentClose = true;
      this.#send(opcodes.close, code === undefined ? Buffer.alloc(0) : closePayload(code, reason));
    }
    this.#options.socket.end();
    this.#after(this.#options.timeouts.close, () => this.#options.socket.destroy());
  }

  #send(opcode: number, payload: Buffer): void {
    if (this.#state === 'opening' || this.#options.socket.writableEnded) return;
    // Behind messages that wait for the client, in the same queue.
    void this.#writer.write(Buffer.concat([frameHeader(fin | opcode, payload.length), payload]));
  }

  #endBody(): void {
    if (this.#bodyEnded) return;
    this.#bodyEnded = true;
    this.body.push(null);
  }

  /** The call is over: nobody reads the client's messages any more. */
  #over(): void {
    this.#bodyEnded = true;
    this.body.destroy();
    this.#options.socket.resume();
  }

  #gone(): void {
    if (this.#state === 'closed') return;
    const isEarly = !this.#sentClose || !this.#bodyEnded;
    this.#state = 'closed';
    this.#cancelTimer();
    this.#options.socket.destroy();
    if (isEarly) this.#options.onGone();
  }

  #after(ms: number, run: () => void): void {
    this.#cancelTimer();
    this.#cancelTimer = this.#options.clock.after(ms, run);
  }

  /** One timer for ping, idle time and lifetime. */
  #watch(): void {
    const { clock, timeouts } = this.#options;
    const now = clock.monotonic();
    // What is not read cannot be heard: the function is slow, not the client gone.
    if (this.#options.socket.isPaused()) this.#unanswered = 0;
    if (now >= this.#openedMs + timeouts.max) this.goAway('the connection has lasted as long as it may');
    else if (now >= this.#messageMs + timeouts.idle) this.goAway('the connection was idle for too long');
    if (this.#state !== 'open') return;
    if (now >= this.#pingedMs + timeouts.ping) {
      if (this.#unanswered >= maxUnanswered) {
        this.#options.socket.destroy();
        return;
      }
      this.#unanswered++;
      this.#pingedMs = now;
      this.#send(opcodes.ping, Buffer.alloc(0));
    }
    const nextMs = Math.min(
      this.#openedMs + timeouts.max,
      this.#messageMs + timeouts.idle,
      this.#pingedMs + timeouts.ping,
    );
    this.#after(Math.max(1, nextMs - now), () => this.#watch());
  }
}
