import type { InvocationOutcome } from '../../../shared/invocation.ts';
import { cancelMessage } from '../../core/cancel-signal.ts';
import type { InstanceCall, InstanceResult } from '../../core/ports/instance-pool.ts';
import type { FrameEncoder } from './frame-encoder.ts';
import { frameFlags, frameTypes, initialCreditBytes, maxChunkBytes, Violation } from './frames.ts';
import { parseEnd, parseError, parseResponse, type ResponseMeta } from './messages.ts';
import { RequestBody } from './request-body.ts';
import { type CheckedHead, checkHead } from './response-head.ts';

/** Credit is given back in lumps of this size, so that small responses cost no WINDOW frame at all. */
const grantBytes = 262_144;

export type CallPhase = 'running' | 'background' | 'given-up' | 'over';

/** Of a call that was not begun in time. */
export const tooLate = 'the deadline had passed before the function was called';

/** What a call needs of the connection it runs on. */
export interface CallHost {
  readonly encoder: FrameEncoder;
  monotonic(): number;
  flush(): void;
  isWritable(): boolean;
  moved(call: Call, from: CallPhase, to: CallPhase): void;
  /** The agent said that it exits now. */
  exiting(): void;
}

/**
 * One call on one connection.
 *
 * | phase | meaning | leaves by |
 * | --- | --- | --- |
 * | running | the caller waits | response over -> over; `background` -> background; deadline, disconnect, fault -> given-up |
 * | background | the caller has its response, `waitUntil` work goes on | END, ERROR -> over; deadline -> given-up |
 * | given-up | the caller has its result, CANCEL was sent, the handler may still run | RESPONSE+END, END, ERROR -> over |
 * | over | nothing may come any more | |
 */
export class Call {
  readonly id: number;
  readonly call: InstanceCall;
  /** Clock.monotonic(). */
  readonly deadlineAt: number;
  logBytes = 0;
  logEntries = 0;
  #phase: CallPhase = 'running';
  #startedMs: number;
  /** Its agent is ready: it may run. */
  #hasBegun: boolean;
  readonly #host: CallHost;
  readonly #resolve: (result: InstanceResult) => void;
  #maxResponseBytes: number;
  #body: RequestBody | undefined;
  #requestBytes = 0;
  #grantedBytes = 0;
  #responded = false;
  #httpStatus: number | undefined;
  #contentLength: number | undefined;
  /** HEAD, 204 and 304 have none, whatever the function sends. */
  #dropsBody = false;
  #firstByteMs = 0;
  #responseBytes = 0;
  #creditBytes = initialCreditBytes;
  #consumedBytes = 0;
  #unread: { readonly room: Promise<void>; bytes: number } | undefined;

  constructor(
    host: CallHost,
    id: number,
    call: InstanceCall,
    deadlineAt: number,
    resolve: (result: InstanceResult) => void,
    isAhead = false,
  ) {
    this.#host = host;
    this.id = id;
    this.call = call;
    this.deadlineAt = deadlineAt;
    this.#resolve = resolve;
    this.#startedMs = host.monotonic();
    this.#hasBegun = !isAhead;
    this.#maxResponseBytes = call.invocation.version.config.maxResponseBytes;
    call.signal.addEventListener('abort', this);
  }

  get phase(): CallPhase {
    return this.#phase;
  }

  /** Clock.monotonic() of the INVOKE frame, or of READY if that came later. */
  get startedMs(): number {
    return this.#startedMs;
  }

  /** READY, of an agent that was sent it ahead. */
  begin(nowMs = this.#host.monotonic()): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    this.#startedMs = nowMs;
  }

  /** `sent` body bytes went out with INVOKE; the rest follows from `source`. */
  sendBody(sent: number, source: ConstructorParameters<typeof RequestBody>[0]['source'] | undefined): void {
    this.#requestBytes = sent;
    if (source === undefined) return;
    const { encoder } = this.#host;
    const { request } = this.call.invocation;
    const options = {
      id: this.id,
      encoder,
      source,
      beginning: request.kind === 'http' ? request.beginning : undefined,
      isWritable: () => this.#host.isWritable(),
      flush: () => this.#host.flush(),
      onBroken: () => this.#disconnected('the request body ended early'),
    };
    this.#body = new RequestBody(options, sent);
    this.#body.start();
  }

  /** The stream to the agent has room again. */
  pump(): void {
    this.#body?.pump();
  }

  /** False when more credit was given than was ever used. */
  onWindow(bytes: number): boolean {
    this.#grantedBytes += bytes;
    this.#body?.grant(bytes);
    return this.#grantedBytes <= this.#requestBytes + (this.#body?.sentBytes ?? 0);
  }

  onResponse(flags: number, payload: Buffer): void {
    if (this.#responded) throw new Violation('a second RESPONSE');
    this.#responded = true;
    const isWhole = (flags & frameFlags.end) !== 0;
    const { meta, bodyAt } = parseResponse(payload, isWhole);
    const body = payload.subarray(bodyAt);
    this.#receive(body.length);
    if (this.#phase === 'running') {
      this.#firstByteMs = this.#host.monotonic() - this.#startedMs;
      this.#answer(meta, body, isWhole);
    }
    if (isWhole) this.#end(meta);
  }

  /** Passes on the head and what has come of the body, unless that is no response which a caller may get. */
  #answer(meta: ResponseMeta, body: Buffer, isWhole: boolean): void {
    const checked = this.#checkHead(meta);
    if (!checked.ok) {
      this.#fault('bad-response', checked.message);
      return;
    }
    const { head, contentLength } = checked;
    const hasNoBody = this.#hasNoBody(meta.status);
    if (!hasNoBody) {
      const bytes = Math.max(body.length, contentLength ?? 0);
      if (bytes > this.#maxResponseBytes) {
        this.#tooLarge(bytes);
        return;
      }
      if (isWhole && contentLength !== undefined && contentLength !== body.length) {
        this.#fault('bad-response', `content-length is ${contentLength}, but the body has ${body.length} bytes`);
        return;
      }
    }
    this.#httpStatus = head.isEventResult ? undefined : head.status;
    this.#dropsBody = hasNoBody;
    this.#contentLength = hasNoBody ? undefined : contentLength;
    this.call.sink.head(head);
    this.#deliver(body);
  }

  onBody(payload: Buffer): void {
    if (!this.#responded) throw new Violation('BODY before RESPONSE');
    if (this.#phase === 'background') throw new Violation('BODY after the end of the response');
    if (payload.length > maxChunkBytes) throw new Violation(`BODY of ${payload.length} bytes`);
    this.#receive(payload.length);
    if (this.#phase === 'running') this.#deliver(payload);
  }

  onEnd(payload: Buffer): void {
    if (!this.#responded) throw new Violation('END before RESPONSE');
    const end = parseEnd(payload);
    const promised = this.#contentLength;
    if (this.#phase === 'running' && promised !== undefined && promised !== this.#responseBytes)
      this.#fault('bad-response', `content-length is ${promised}, but the body has ${this.#responseBytes} bytes`);
    this.#end({ ...end, background: end.background === true });
  }

  onError(payload: Buffer): void {
    const error = parseError(payload);
    if (this.#phase === 'running') {
      const { type, message, stack } = error;
      this.#settle({ kind: 'function-error', type, message, stack }, error.cpuMs, error.peakMemoryBytes);
    }
    this.#over();
    if (error.fatal) this.#host.exiting();
  }

  /** The deadline has passed. */
  expire(): void {
    if (this.#phase !== 'running' && this.#phase !== 'background') return;
    const { acceptedAt, deadlineAt } = this.call.invocation;
    const message = this.#hasBegun
      ? `the function did not finish within ${Math.max(0, Math.round(deadlineAt - acceptedAt))} ms`
      : tooLate;
    this.#giveUp({ kind: 'function-fault', fault: 'timeout', message }, 'deadline');
  }

  /** The caller's signal. */
  handleEvent(): void {
    this.#disconnected(cancelMessage(this.call.signal));
  }

  /** Somebody else than the caller asked for its end. */
  cancel(reason: string): void {
    this.#disconnected(reason);
  }

  /** The platform ends, and does not wait for it any longer. */
  interrupt(): void {
    if (this.#phase !== 'running') return;
    const message = 'the platform shut down before the call was over';
    this.#giveUp({ kind: 'platform-fault', fault: 'shutting-down', message, retryable: true }, 'disconnected');
  }

  /** The connection is over; a caller that still waits gets this. */
  abandon(outcome: InvocationOutcome): void {
    if (this.#phase === 'running') this.#settle(outcome, 0, 0);
    this.#over();
  }

  /** Sends no more of the request: nobody reads it. */
  stopSending(): void {
    this.#body?.stop();
  }

  #disconnected(message: string): void {
    if (this.#phase === 'running') this.#giveUp({ kind: 'cancelled', message }, 'disconnected');
  }

  #receive(bytes: number): void {
    this.#creditBytes -= bytes;
    if (this.#creditBytes < 0) throw new Violation('body bytes beyond the credit');
  }

  #deliver(data: Buffer): void {
    if (data.length === 0 || this.#phase !== 'running') return;
    this.#responseBytes += data.length;
    if (this.#responseBytes > this.#maxResponseBytes) {
      this.#tooLarge(this.#responseBytes);
      return;
    }
    if (this.#contentLength !== undefined && this.#responseBytes > this.#contentLength) {
      this.#fault('bad-response', `content-length is ${this.#contentLength}, but the body is longer`);
      return;
    }
    const full = this.#dropsBody ? undefined : this.call.sink.chunk(data);
    if (full === undefined) this.#consumed(data.length);
    else this.#consumedWhen(full, data.length);
  }

  /** A sink that is full gives every chunk the same promise; they are counted together. */
  #consumedWhen(room: Promise<void>, bytes: number): void {
    if (this.#unread?.room === room) {
      this.#unread.bytes += bytes;
      return;
    }
    const unread = { room, bytes };
    this.#unread = unread;
    const consumed = () => {
      if (this.#unread === unread) this.#unread = undefined;
      this.#consumed(unread.bytes);
    };
    room.then(consumed, consumed);
  }

  #consumed(bytes: number): void {
    this.#consumedBytes += bytes;
    if (this.#consumedBytes < grantBytes || this.#phase !== 'running') return;
    this.#host.encoder.u32(frameTypes.window, this.id, this.#consumedBytes);
    this.#creditBytes += this.#consumedBytes;
    this.#consumedBytes = 0;
    this.#host.flush();
  }

  #end(end: { readonly cpuMs: number; readonly peakMemoryBytes: number; readonly background: boolean }): void {
    if (this.#phase === 'running') this.#settle({ kind: 'success' }, end.cpuMs, end.peakMemoryBytes);
    if (!end.background) this.#over();
    else if (this.#phase === 'running') {
      this.#move('background');
    } else if (this.#phase === 'background') throw new Violation('a second END that leaves work behind');
  }

  #fault(fault: 'bad-response' | 'response-too-large', message: string): void {
    this.#giveUp({ kind: 'function-fault', fault, message }, 'disconnected');
  }

  #tooLarge(bytes: number): void {
    this.#fault(
      'response-too-large',
      `the response has ${bytes} bytes or more; at most ${this.#maxResponseBytes} are allowed`,
    );
  }

  #giveUp(outcome: InvocationOutcome, reason: 'deadline' | 'disconnected'): void {
    if (this.#phase === 'running') this.#settle(outcome, 0, 0);
    this.#host.encoder.text(frameTypes.cancel, 0, this.id, JSON.stringify({ reason }));
    this.#host.flush();
    this.#move('given-up');
  }

  #settle(outcome: InvocationOutcome, cpuMs: number, peakMemoryBytes: number): void {
    const nowMs = this.#host.monotonic();
    this.begin(nowMs);
    this.call.signal.removeEventListener('abort', this);
    this.#body?.stop();
    this.#resolve({
      outcome,
      startedMs: this.#startedMs,
      httpStatus: this.#httpStatus,
      firstByteMs: this.#firstByteMs,
      handlerMs: nowMs - this.#startedMs,
      cpuMs,
      peakMemoryBytes,
      requestBytes: this.#requestBytes + (this.#body?.sentBytes ?? 0),
      responseBytes: this.#responseBytes,
    });
  }

  #over(): void {
    if (this.#phase !== 'over') this.#move('over');
  }

  #move(to: CallPhase): void {
    const from = this.#phase;
    this.#phase = to;
    this.#host.moved(this, from, to);
  }

  #checkHead(meta: ResponseMeta): CheckedHead {
    const { request } = this.call.invocation;
    const checked = checkHead(meta, request.kind === 'http' && request.isWebSocket === true);
    // The gateway bounds each message; a connection may carry any number.
    if (meta.status === 101 && checked.ok) this.#maxResponseBytes = Number.POSITIVE_INFINITY;
    return checked;
  }

  #hasNoBody(status: number): boolean {
    const { request } = this.call.invocation;
    return status === 204 || status === 304 || (request.kind === 'http' && request.method === 'HEAD');
  }
}
