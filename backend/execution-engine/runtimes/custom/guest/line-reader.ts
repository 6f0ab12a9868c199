/** Cuts a program's output into lines. One that is longer than `maxBytes` comes in pieces, so that nothing grows without end. */
export class LineReader {
  readonly #maxBytes: number;
  readonly #onLine: (text: string) => void;
  readonly #decoder = new (process.getBuiltinModule('node:string_decoder').StringDecoder)('utf8');
  #rest = '';

  constructor(maxBytes: number, onLine: (text: string) => void) {
    this.#maxBytes = maxBytes;
    this.#onLine = onLine;
  }

  push(chunk: Buffer): void {
    const text = this.#rest + this.#decoder.write(chunk);
    let start = 0;
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', start)) {
      this.#onLine(text.slice(start, text[at - 1] === '\r' ? at - 1 : at));
      start = at + 1;
    }
    this.#rest = text.slice(start);
    if (this.#rest.length < this.#maxBytes) return;
    this.#onLine(this.#rest);
    this.#rest = '';
  }

  /** What was written without a line break. */
  end(): void {
    const rest = this.#rest + this.#decoder.end();
    this.#rest = '';
    if (rest !== '') this.#onLine(rest);
  }
}
