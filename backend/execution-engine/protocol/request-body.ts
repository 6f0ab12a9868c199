import type { Readable } from 'node:stream';
import type { BodyBeginning } from '../../core/body-beginning.ts';
import type { FrameEncoder } from './frame-encoder.ts';
import { emptyBuffer, frameFlags, frameTypes, initialCreditBytes, maxChunkBytes } from './frames.ts';

export interface RequestBodyOptions {
  readonly id: number;
  readonly encoder: FrameEncoder;
  readonly source: Buffer | Readable;
  /** Takes note of what a source that is a stream gives. */
  readonly beginning?: BodyBeginning | undefined;
  /** False while the stream to the agent is full. */
  readonly isWritable: () => boolean;
  readonly flush: () => void;
  /** The source failed or was closed before its end: the client is gone. */
  readonly onBroken: () => void;
}

/** Sends what of a request body did not fit into INVOKE, as credit and the stream allow. */
export class RequestBody {
  readonly #options: RequestBodyOptions;
  readonly #source: Readable | undefined;
  #rest: Buffer;
  #sourceEnded: boolean;
  #over = false;
  #credit: number;
  /** Body bytes sent by this object. */
  sentBytes = 0;

  /** `creditUsed` is what INVOKE carried already. */
  constructor(options: RequestBodyOptions, creditUsed: number) {
    this.#options = options;
    this.#credit = initialCreditBytes - creditUsed;
    const { source } = options;
    this.#source = Buffer.isBuffer(source) ? undefined : source;
    this.#rest = Buffer.isBuffer(source) ? source : emptyBuffer;
    this.#sourceEnded = this.#source === undefined;
  }

  start(): void {
    const source = this.#source;
    if (source === undefined) {
      this.pump();
      return;
    }
    if (source.readableEnded || source.destroyed) {
      this.#closed();
      return;
    }
    source.on('data', this.#data);
    source.on('end', this.#end);
    source.on('error', this.#closed);
    source.on('close', this.#closed);
    source.resume();
  }

  grant(bytes: number): void {
    this.#credit = Math.min(this.#credit + bytes, Number.MAX_SAFE_INTEGER);
    this.pump();
  }

  /** Sends no more. The source is left paused; it stays its owner's to drain or destroy. */
  stop(): void {
    if (this.#over) return;
    this.#over = true;
    this.#rest = emptyBuffer;
    const source = this.#source;
    if (source === undefined) return;
    source.off('data', this.#data);
    source.off('end', this.#end);
    source.off('error', this.#closed);
    source.off('close', this.#closed);
    source.pause();
  }

  /** Sends what may be sent now; called again when credit or room appears. */
  pump(): void {
    const { encoder, id, isWritable, flush } = this.#options;
    while (!this.#over && this.#rest.length > 0 && this.#credit > 0 && isWritable()) {
      const bytes = Math.min(this.#rest.length, this.#credit, maxChunkBytes);
      const isLast = this.#sourceEnded && bytes === this.#rest.length;
      encoder.raw(frameTypes.body, isLast ? frameFlags.end : 0, id, this.#rest.subarray(0, bytes));
      this.#rest = this.#rest.subarray(bytes);
      this.#credit -= bytes;
      this.sentBytes += bytes;
      if (isLast) this.stop();
      flush();
    }
    if (this.#over) return;
    if (this.#rest.length > 0) this.#source?.pause();
    else this.#source?.resume();
  }

  readonly #data = (chunk: Buffer | string): void => {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    this.#options.beginning?.take(bytes);
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    this.pump();
  };

  readonly #end = (): void => {
    this.#sourceEnded = true;
    this.#options.beginning?.end();
    if (this.#over || this.#rest.length > 0) return;
    this.#options.encoder.raw(frameTypes.end, 0, this.#options.id, emptyBuffer);
    this.stop();
    this.#options.flush();
  };

  readonly #closed = (): void => {
    if (this.#over) return;
    if (this.#source?.readableEnded === true && !this.#sourceEnded) this.#end();
    if (this.#sourceEnded) return;
    this.stop();
    this.#options.onBroken();
  };
}
