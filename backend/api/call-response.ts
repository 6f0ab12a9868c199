import { PassThrough } from 'node:stream';
import type { ResponseHead, ResponseSink } from '../core/invocation.ts';
import type { Clock } from '../core/ports/clock.ts';
import { PatientWriter } from '../util/patient-writer.ts';

export interface CallResponseOptions {
  readonly clock: Clock;
  /** A response that is larger than this flows on instead of waiting for its end. */
  readonly maxHeldBytes: number;
  /** A response that takes longer than this after its head flows on, so that streams are seen as they come. */
  readonly maxHeldMs: number;
  /** What goes before the body. */
  readonly preface?: ((head: ResponseHead) => Buffer) | undefined;
}

/**
 * Holds a response back until the call is over, so that errors have their status and timing its header; large or slow
 * responses start to flow before that.
 */
export class CallResponse implements ResponseSink {
  readonly #options: CallResponseOptions;
  readonly #flowing = Promise.withResolvers<PassThrough>();
  #head: ResponseHead | undefined;
  #held: Buffer[] = [];
  #heldBytes = 0;
  #stream: PassThrough | undefined;
  #writer: PatientWriter | undefined;
  #cancelTimer: (() => void) | undefined;
  #isOver = false;

  constructor(options: CallResponseOptions) {
    this.#options = options;
  }

  /** Resolves with the body when it starts to flow; never when the whole response was held. */
  get flowing(): Promise<PassThrough> {
    return this.#flowing.promise;
  }

  get responseHead(): ResponseHead | undefined {
    return this.#head;
  }

  head(head: ResponseHead): void {
    this.#head = head;
    if (this.#options.preface !== undefined) this.#held.push(this.#options.preface(head));
    this.#cancelTimer = this.#options.clock.after(this.#options.maxHeldMs, () => this.#flow());
  }

  chunk(data: Buffer): Promise<void> | undefined {
    if (this.#isOver) return undefined;
    if (this.#stream === undefined) {
      this.#held.push(data);
      this.#heldBytes += data.length;
      if (this.#heldBytes <= this.#options.maxHeldBytes) return undefined;
      this.#flow();
      return undefined;
    }
    return this.#writer?.write(data);
  }

  /** The call is over: the held body, or undefined when it flowed (and is ended now). */
  finish(): Buffer | undefined {
    this.#close();
    if (this.#stream === undefined) return this.#held.length === 1 ? this.#held[0] : Buffer.concat(this.#held);
    this.#writer?.flush();
    this.#stream.end();
    return undefined;
  }

  /** The call failed after its response began to flow: the client sees a broken connection, not a short body. */
  fail(reason: string): void {
    this.#close();
    this.#stream?.destroy(new Error(reason));
  }

  #close(): void {
    this.#isOver = true;
    this.#cancelTimer?.();
  }

  #flow(): void {
    if (this.#stream !== undefined || this.#isOver) return;
    this.#cancelTimer?.();
    const stream = new PassThrough();
    // The reason is logged where the call ends; without a listener the error would end the process.
    stream.on('error', () => undefined);
    this.#stream = stream;
    this.#writer = new PatientWriter(stream);
    for (const data of this.#held) stream.write(data);
    this.#held = [];
    this.#flowing.resolve(stream);
  }
}
