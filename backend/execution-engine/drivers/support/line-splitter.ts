import { StringDecoder } from 'node:string_decoder';

/** A line without its end; `cut` when it was longer than the limit. */
export type LineListener = (text: string, cut: boolean) => void;

/**
 * Splits a byte stream into lines of at most `maxLineBytes` bytes of UTF-8. A longer line yields its beginning once, marked as cut; the
 * rest of it is dropped. Invalid UTF-8 becomes U+FFFD, everything else (NUL, escape sequences) is kept as text. A line ends
 * with \n or \r\n. Memory is bounded by one line, whatever is written.
 */
export class LineSplitter {
  readonly #maxLineBytes: number;
  readonly #emit: LineListener;
  #parts: Buffer[] = [];
  #bytes = 0;
  #skipping = false;

  constructor(options: { readonly maxLineBytes: number; readonly onLine: LineListener }) {
    this.#maxLineBytes = options.maxLineBytes;
    this.#emit = options.onLine;
  }

  push(chunk: Buffer): void {
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(10, start);
      if (end < 0) break;
      if (this.#skipping) this.#skipping = false;
      else this.#finish(chunk.subarray(start, end));
      start = end + 1;
    }
    if (start < chunk.length && !this.#skipping) this.#hold(chunk.subarray(start));
  }

  /** Yields what came after the last line end, if anything. */
  end(): void {
    if (!this.#skipping && this.#bytes > 0) this.#finish(Buffer.alloc(0));
    this.#skipping = false;
  }

  /** Forgets what is held of an unfinished line; for a stream of which bytes were dropped. */
  reset(): void {
    this.#parts = [];
    this.#bytes = 0;
    this.#skipping = false;
  }

  #hold(part: Buffer): void {
    this.#bytes += part.length;
    // A copy: the part is a view of a read buffer of 64 KiB that would stay alive with it.
    this.#parts.push(Buffer.from(part));
    if (this.#bytes > this.#maxLineBytes) {
      this.#finish(Buffer.alloc(0));
      this.#skipping = true;
    }
  }

  #finish(last: Buffer): void {
    const line = this.#parts.length === 0 ? last : Buffer.concat([...this.#parts, last]);
    this.#parts = [];
    this.#bytes = 0;
    if (line.length > this.#maxLineBytes) {
      // The decoder holds back half a character at the cut instead of making U+FFFD of it.
      this.#emit(new StringDecoder('utf8').write(line.subarray(0, this.#maxLineBytes)), true);
      return;
    }
    const length = line.length > 0 && line[line.length - 1] === 13 ? line.length - 1 : line.length;
    this.#emit(line.toString('utf8', 0, length), false);
  }
}
