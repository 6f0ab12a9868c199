/** The first bytes of a body that arrives piece by piece, noted as it passes by: no copy until somebody asks for them. */
export class BodyBeginning {
  readonly #maxBytes: number;
  #chunks: Buffer[] = [];
  #keptBytes = 0;
  #bytes = 0;
  #hasEnded = false;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** How long the body is; undefined while it has not ended. */
  get bodyBytes(): number | undefined {
    return this.#hasEnded ? this.#bytes : undefined;
  }

  take(chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#keptBytes >= this.#maxBytes) return;
    this.#chunks.push(chunk);
    this.#keptBytes += chunk.length;
  }

  end(): void {
    this.#hasEnded = true;
  }

  /** At most as many bytes as were asked for. */
  bytes(): Buffer {
    return Buffer.concat(this.#chunks).subarray(0, this.#maxBytes);
  }
}
