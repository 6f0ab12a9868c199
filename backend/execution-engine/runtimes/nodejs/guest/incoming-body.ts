import type { ReadableStreamDefaultController } from 'node:stream/web';
import { joinBytes } from './originals.ts';
import { noBytes } from './wire.ts';

/** Credit goes back to the host in lumps of this size. */
const grantBytes = 131_072;

/** A request body as it arrives: read it whole or as a stream, once. */
export class IncomingBody {
  readonly #grant: (bytes: number) => void;
  #chunks: Buffer[] = [];
  #isComplete: boolean;
  #ungranted = 0;
  #error: Error | undefined;
  #onChange: (() => void) | undefined;

  /** `grant` tells the host that it may send more. */
  constructor(first: Buffer, isComplete: boolean, grant: (bytes: number) => void) {
    this.#isComplete = isComplete;
    this.#grant = grant;
    if (first.length > 0) this.#chunks[0] = first;
  }

  /** The body if all of it has arrived. */
  get complete(): Buffer | undefined {
    if (!this.#isComplete) return undefined;
    const [first] = this.#chunks;
    return this.#chunks.length < 2 ? (first ?? noBytes) : joinBytes(this.#chunks);
  }

  push(chunk: Buffer, isLast: boolean): void {
    if (chunk.length > 0) this.#chunks[this.#chunks.length] = chunk;
    this.#isComplete ||= isLast;
    this.#onChange?.();
  }

  /** No more will come: the caller is gone or the deadline has passed. */
  fail(error: Error): void {
    if (this.#isComplete || this.#error !== undefined) return;
    this.#error = error;
    this.#onChange?.();
  }

  /** Resolves with the whole body; rejects when it does not arrive. */
  async whole(): Promise<Buffer> {
    let counted = 0;
    while (!this.#isComplete) {
      const arrived = this.#chunks.length;
      for (; counted < arrived; counted++) this.#consumed(this.#chunks[counted] as Buffer);
      await this.#change();
    }
    return this.complete ?? noBytes;
  }

  stream(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          while (!this.#next(controller as ReadableStreamDefaultController<Uint8Array>)) await this.#change();
        },
      },
      { highWaterMark: 0 },
    );
  }

  #next(controller: ReadableStreamDefaultController<Uint8Array>): boolean {
    const chunk = this.#chunks.shift();
    if (chunk !== undefined) {
      if (!this.#isComplete) this.#consumed(chunk);
      controller.enqueue(chunk);
    } else if (this.#isComplete) controller.close();
    else if (this.#error !== undefined) throw this.#error;
    else return false;
    return true;
  }

  #consumed(chunk: Buffer): void {
    this.#ungranted += chunk.length;
    if (this.#ungranted < grantBytes) return;
    this.#grant(this.#ungranted);
    this.#ungranted = 0;
  }

  async #change(): Promise<void> {
    if (this.#error !== undefined) throw this.#error;
    await new Promise<void>((resolve) => {
      this.#onChange = resolve;
    });
    this.#onChange = undefined;
    if (this.#error !== undefined && this.#chunks.length === 0) throw this.#error;
  }
}
