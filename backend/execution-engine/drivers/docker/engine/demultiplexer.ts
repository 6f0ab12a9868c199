import { Readable } from 'node:stream';

/**
 * Docker's framing of attached output without a terminal: 1 byte stream (0 stdin, 1 stdout, 2 stderr, 3 an error of the daemon),
 * 3 bytes zero, 4 bytes length (big endian), then so many bytes. https://docs.docker.com/reference/api/engine/, "Attach to a container".
 */
const headerBytes = 8;
const streamStderr = 2;
const lastStream = 3;

export interface AttachedOutput {
  readonly stdout: Readable;
  readonly stderr: Readable;
}

/** Splits `source` into its two streams. Slow readers slow the source down; memory is bounded by one read of it. A frame that is none ends both. */
export function demultiplex(source: Readable): AttachedOutput {
  const blocked = new Set<Readable>();
  const makeStream = (): Readable => {
    const stream = new Readable({
      read: () => {
        if (blocked.delete(stream) && blocked.size === 0) source.resume();
      },
      destroy: (error, done) => {
        if (blocked.delete(stream) && blocked.size === 0) source.resume();
        done(error);
      },
    });
    return stream;
  };
  const output = { stdout: makeStream(), stderr: makeStream() };
  const end = (): void => {
    for (const stream of [output.stdout, output.stderr])
      if (!stream.readableEnded && !stream.destroyed) stream.push(null);
  };
  const parser = new FrameParser((kind, payload) => {
    const target = kind === streamStderr || kind === lastStream ? output.stderr : output.stdout;
    // A copy would cost; the payload is a view of the read buffer and lives as long as it waits here.
    if (target.destroyed || target.push(payload)) return;
    blocked.add(target);
    source.pause();
  });
  let over = false;
  const finish = (): void => {
    if (over) return;
    over = true;
    end();
  };
  source.on('data', (chunk: Buffer) => {
    if (over) return;
    if (parser.push(chunk)) return;
    finish();
    source.destroy();
  });
  source.once('end', finish);
  source.once('close', finish);
  source.on('error', finish);
  return output;
}

/** Parses frames from chunks cut anywhere; payloads are passed on as they come, not gathered. */
export class FrameParser {
  readonly #emit: (kind: number, payload: Buffer) => void;
  readonly #header = Buffer.alloc(headerBytes);
  #headerFill = 0;
  #kind = 0;
  #left = 0;

  constructor(emit: (kind: number, payload: Buffer) => void) {
    this.#emit = emit;
  }

  /** False when the bytes are no frames; nothing after that makes sense. */
  push(chunk: Buffer): boolean {
    let at = 0;
    while (at < chunk.length) {
      if (this.#left > 0) {
        const part = chunk.subarray(at, at + this.#left);
        at += part.length;
        this.#left -= part.length;
        this.#emit(this.#kind, part);
        continue;
      }
      const copied = chunk.copy(this.#header, this.#headerFill, at, at + headerBytes - this.#headerFill);
      this.#headerFill += copied;
      at += copied;
      if (this.#headerFill < headerBytes) return true;
      this.#headerFill = 0;
      this.#kind = this.#header[0] as number;
      if (this.#kind > lastStream || this.#header.readUIntBE(1, 3) !== 0) return false;
      this.#left = this.#header.readUInt32BE(4);
    }
    return true;
  }
}
