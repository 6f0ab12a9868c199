import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { FrameDecoder, type FrameReceiver } from './frame-decoder.ts';
import { FrameEncoder } from './frame-encoder.ts';

/** Above this the tick's end is not waited for, */
const flushBytes = 262_144;
/**
 * nor with so many frames: while this side goes on with the rest of its turn, the other begins with these on another processor. Waiting for
 * the end of the turn makes all calls that are in flight move in step, and only one process work at a time.
 */
const flushFrames = 4;

export interface FrameStreamOptions {
  readonly stream: Duplex;
  readonly receive: FrameReceiver;
  /** Once; `error` is what the receiver or the decoder threw, or what the stream failed with. */
  readonly onOver: (error: unknown) => void;
  /** The stream was full and has room again. */
  readonly onDrain: () => void;
}

/** Frames over a Duplex: what is encoded in one turn of the event loop leaves in few writes. */
export class FrameStream {
  readonly encoder = new FrameEncoder();
  readonly #options: FrameStreamOptions;
  readonly #decoder: FrameDecoder;
  /** A socket whose writes are done as soon as nothing is left in it: the kernel has a copy. */
  readonly #copies: boolean;
  #flushing = false;
  #unwritten = 0;
  #full = false;
  #over = false;

  constructor(options: FrameStreamOptions) {
    this.#options = options;
    this.#decoder = new FrameDecoder({ receive: options.receive });
    const { stream } = options;
    this.#copies = stream instanceof Socket;
    stream.on('data', (chunk: Buffer) => this.#push(chunk));
    stream.on('drain', () => {
      this.#full = false;
      options.onDrain();
    });
    stream.on('end', () => this.close(undefined));
    stream.on('close', () => this.close(undefined));
    stream.on('error', (error) => this.close(error));
  }

  get isWritable(): boolean {
    return !this.#full && !this.#over && this.encoder.bytes < flushBytes * 4;
  }

  /** What the other side has not read yet, here and in the stream's own buffer. */
  get unreadBytes(): number {
    return this.encoder.bytes + this.#options.stream.writableLength;
  }

  /** Promises that what was encoded is written when this turn of the event loop is over. */
  flush(): void {
    if (++this.#unwritten >= flushFrames || this.encoder.bytes >= flushBytes) {
      this.#write();
      return;
    }
    if (this.#flushing) return;
    this.#flushing = true;
    setImmediate(() => {
      this.#flushing = false;
      this.#write();
    });
  }

  /** Writes what was encoded now: the other side need not wait for the rest of this turn. */
  flushNow(): void {
    this.#write();
  }

  /** Ends the stream; nothing is received any more. What was encoded and not written yet is lost. */
  close(error: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#decoder.stop();
    this.#options.stream.destroy();
    this.#options.onOver(error);
  }

  #push(chunk: Buffer): void {
    if (this.#over) return;
    try {
      this.#decoder.push(chunk);
    } catch (error) {
      this.close(error);
    }
  }

  #write(): void {
    if (this.#over) return;
    this.#unwritten = 0;
    const { stream } = this.#options;
    const buffers = this.encoder.take();
    if (buffers.length === 0) return;
    const isMany = buffers.length > 1;
    if (isMany) stream.cork();
    for (const buffer of buffers) this.#full = !stream.write(buffer);
    if (isMany) stream.uncork();
    if (this.#copies && stream.writableLength === 0) this.encoder.recycle();
  }
}
