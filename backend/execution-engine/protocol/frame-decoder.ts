import { emptyBuffer, headerBytes, highestFrameType, knownFlags, maxPayloadBytes, Violation } from './frames.ts';

/** `payload` shares memory with what was pushed when the frame lay within one chunk; it is the receiver's to keep. */
export type FrameReceiver = (type: number, flags: number, id: number, payload: Buffer) => void;

/**
 * Cuts a byte stream into frames, in place: a frame within one chunk is a slice of it, one that spans chunks is copied into
 * one allocation. Throws nothing but `Violation` (and what the receiver throws), and holds at most one frame.
 */
export class FrameDecoder {
  readonly #receive: FrameReceiver;
  readonly #header = Buffer.alloc(headerBytes);
  #headerFilled = 0;
  #payload: Buffer | undefined;
  #payloadFilled = 0;
  #stopped = false;

  constructor(options: { readonly receive: FrameReceiver }) {
    this.#receive = options.receive;
  }

  /** Bytes held back because their frame is not complete; never more than one frame. */
  get bufferedBytes(): number {
    return this.#headerFilled + this.#payloadFilled;
  }

  /** Nothing is delivered any more, not even the rest of the chunk that is being cut. */
  stop(): void {
    this.#stopped = true;
    this.#payload = undefined;
  }

  push(chunk: Buffer): void {
    if (this.#stopped) return;
    let offset = this.#headerFilled > 0 ? this.#continue(chunk) : 0;
    while (!this.#stopped && chunk.length - offset >= headerBytes) {
      const length = checkedLength(chunk, offset);
      const start = offset + headerBytes;
      if (chunk.length - start < length) break;
      offset = start + length;
      this.#receive(
        chunk[start - 8] as number,
        chunk[start - 7] as number,
        chunk.readUInt32BE(start - 4),
        length === 0 ? emptyBuffer : chunk.subarray(start, offset),
      );
    }
    if (!this.#stopped && offset < chunk.length) this.#hold(chunk, offset);
  }

  /** Fills the frame that an earlier chunk began; returns where the next one starts. */
  #continue(chunk: Buffer): number {
    let offset = 0;
    if (this.#headerFilled < headerBytes) {
      offset = this.#fillHeader(chunk, 0);
      if (this.#headerFilled < headerBytes) return offset;
      this.#startPayload();
    }
    const payload = this.#payload as Buffer;
    const take = Math.min(payload.length - this.#payloadFilled, chunk.length - offset);
    chunk.copy(payload, this.#payloadFilled, offset, offset + take);
    this.#payloadFilled += take;
    if (this.#payloadFilled < payload.length) return offset + take;
    this.#payload = undefined;
    this.#payloadFilled = 0;
    this.#headerFilled = 0;
    const header = this.#header;
    this.#receive(header[4] as number, header[5] as number, header.readUInt32BE(8), payload);
    return offset + take;
  }

  #hold(chunk: Buffer, offset: number): void {
    const next = this.#fillHeader(chunk, offset);
    if (this.#headerFilled < headerBytes) return;
    chunk.copy(this.#startPayload(), 0, next);
    this.#payloadFilled = chunk.length - next;
  }

  #fillHeader(chunk: Buffer, offset: number): number {
    const take = Math.min(headerBytes - this.#headerFilled, chunk.length - offset);
    chunk.copy(this.#header, this.#headerFilled, offset, offset + take);
    this.#headerFilled += take;
    return offset + take;
  }

  #startPayload(): Buffer {
    const length = checkedLength(this.#header, 0);
    const payload = length === 0 ? emptyBuffer : Buffer.allocUnsafeSlow(length);
    this.#payload = payload;
    this.#payloadFilled = 0;
    return payload;
  }
}

/** Checks everything in a header that needs no context; returns the payload's length. */
function checkedLength(bytes: Buffer, offset: number): number {
  const length = bytes.readUInt32BE(offset);
  if (length > maxPayloadBytes) throw new Violation(`frame of ${length} bytes; at most ${maxPayloadBytes} are allowed`);
  const type = bytes[offset + 4] as number;
  if (type === 0 || type > highestFrameType) throw new Violation(`unknown frame type ${type}`);
  const flags = bytes[offset + 5] as number;
  if ((flags & ~knownFlags) !== 0) throw new Violation(`unknown flags ${flags}`);
  if (bytes[offset + 6] !== 0 || bytes[offset + 7] !== 0) throw new Violation('reserved bits are set');
  return length;
}
