import { Duplex } from 'node:stream';

/**
 * A stream whose far end is called anew when the microVM behind it has been snapshotted: whoever reads and writes it notices a pause. Ends when its source ends, unless it
 * is held.
 */
export class RenewableStream extends Duplex {
  #source: Duplex | undefined;
  /** A write that came while there was no source. */
  #waiting: (() => void) | undefined;

  constructor() {
    super({ allowHalfOpen: false });
  }

  /** What is written from now on waits for the next source, and the end of the present one means nothing. */
  hold(): void {
    this.#source = undefined;
  }

  /** Reads and writes this one from now on. */
  attach(source: Duplex): void {
    this.#source = source;
    source.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) source.pause();
    });
    source.once('end', () => {
      if (this.#source === source) this.push(null);
    });
    source.once('close', () => {
      if (this.#source === source) this.destroy();
    });
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.();
  }

  override _read(): void {
    this.#source?.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    const source = this.#source;
    if (source === undefined) this.#waiting = () => this._write(chunk, _encoding, done);
    else if (source.write(chunk)) done();
    else source.once('drain', done);
  }

  override _writev(chunks: readonly { readonly chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), 'binary', done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#source?.end();
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#source?.destroy();
    this.#waiting = undefined;
    done(error);
  }
}
