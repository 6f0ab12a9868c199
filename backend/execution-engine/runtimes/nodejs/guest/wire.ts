import { allocate, bytesFrom } from './originals.ts';

/** docs/protocol.md. The host has its own copy of these numbers; a test compares them. */
export const frameTypes = {
  hello: 1,
  init: 2,
  ready: 3,
  invoke: 4,
  body: 5,
  end: 6,
  response: 7,
  error: 8,
  cancel: 9,
  log: 10,
  window: 11,
  ping: 12,
  pong: 13,
  drain: 14,
  beforeSnapshot: 15,
  afterRestore: 16,
  tunnelOpen: 17,
  tunnelData: 18,
  tunnelWindow: 19,
  tunnelClose: 20,
} as const;
export const flagEnd = 1;
export const flagBatch = 2;
export const headerBytes = 12;
export const initialCreditBytes = 1_048_576;
export const maxChunkBytes = 262_144;
export const tunnelCreditBytes = 131_072;
export const maxTunnelChunkBytes = 65_536;
export const maxPayloadBytes = initialCreditBytes + 65_536;

const slabBytes = 65_536;
const copyBytes = 16_384;
export const noBytes: Buffer = bytesFrom('');

export type FrameReceiver = (type: number, flags: number, id: number, payload: Buffer) => void;

/** Cuts the host's bytes into frames. The host is trusted, so there is nothing to check but what would corrupt memory use. */
export class FrameReader {
  readonly #receive: FrameReceiver;
  #held: Buffer | undefined;
  #filled = 0;
  readonly #header = allocate(headerBytes);
  #headerFilled = 0;

  constructor(receive: FrameReceiver) {
    this.#receive = receive;
  }

  push(chunk: Buffer): void {
    let offset = 0;
    while (offset < chunk.length) {
      if (this.#headerFilled === 0 && chunk.length - offset >= headerBytes) {
        const end = offset + headerBytes + chunk.readUInt32BE(offset);
        if (end <= chunk.length) {
          this.#deliver(chunk, offset, chunk.subarray(offset + headerBytes, end));
          offset = end;
          continue;
        }
      }
      offset = this.#collect(chunk, offset);
    }
  }

  #collect(chunk: Buffer, start: number): number {
    let offset = start;
    if (this.#headerFilled < headerBytes) {
      const take = Math.min(headerBytes - this.#headerFilled, chunk.length - offset);
      chunk.copy(this.#header, this.#headerFilled, offset, offset + take);
      this.#headerFilled += take;
      offset += take;
      if (this.#headerFilled < headerBytes) return offset;
      const length = this.#header.readUInt32BE(0);
      if (length > maxPayloadBytes) throw new Error(`the host sent a frame of ${length} bytes`);
      this.#held = length === 0 ? noBytes : allocate(length);
      this.#filled = 0;
    }
    const held = this.#held as Buffer;
    const take = Math.min(held.length - this.#filled, chunk.length - offset);
    chunk.copy(held, this.#filled, offset, offset + take);
    this.#filled += take;
    if (this.#filled === held.length) {
      this.#headerFilled = 0;
      this.#held = undefined;
      this.#deliver(this.#header, 0, held);
    }
    return offset + take;
  }

  #deliver(header: Buffer, at: number, payload: Buffer): void {
    this.#receive(header[at + 4] as number, header[at + 5] as number, header.readUInt32BE(at + 8), payload);
  }
}

/** Puts frames one behind the other, so that everything of one turn of the event loop leaves in one write. */
export class FrameWriter {
  #slab: Buffer = allocate(slabBytes);
  #start = 0;
  #end = 0;
  #pending: Buffer[] = [];
  pendingBytes = 0;

  get bytes(): number {
    return this.pendingBytes + this.#end - this.#start;
  }

  raw(type: number, flags: number, id: number, payload: Uint8Array): void {
    const isSmall = payload.length <= copyBytes;
    this.#reserve(headerBytes + (isSmall ? payload.length : 0));
    this.#header(this.#end, payload.length, type, flags, id);
    this.#end += headerBytes;
    this.#append(payload, isSmall);
  }

  text(type: number, flags: number, id: number, text: string): void {
    this.#reserve(headerBytes + text.length * 3);
    const length = this.#slab.write(text, this.#end + headerBytes, 'utf8');
    this.#header(this.#end, length, type, flags, id);
    this.#end += headerBytes + length;
  }

  u32(type: number, id: number, value: number): void {
    this.#reserve(headerBytes + 4);
    this.#header(this.#end, 4, type, 0, id);
    this.#slab.writeUInt32BE(value, this.#end + headerBytes);
    this.#end += headerBytes + 4;
  }

  /** One LOG frame. */
  log(id: number, level: number, stream: number, flags: number, text: string): void {
    this.#reserve(headerBytes + 4 + text.length * 3);
    const at = this.#end + headerBytes;
    const length = this.#slab.write(text, at + 4, 'utf8');
    this.#header(this.#end, 4 + length, frameTypes.log, 0, id);
    this.#slab[at] = level;
    this.#slab[at + 1] = stream;
    this.#slab.writeUInt16BE(flags, at + 2);
    this.#end = at + 4 + length;
  }

  /** A `meta + body` frame; a body that is text is encoded in place. */
  meta(type: number, flags: number, id: number, meta: string, body: Uint8Array | string): void {
    const isText = typeof body === 'string';
    const isSmall = isText || body.length <= copyBytes;
    const room = isText ? body.length * 3 : isSmall ? body.length : 0;
    this.#reserve(headerBytes + 4 + meta.length * 3 + room);
    const at = this.#end;
    const bodyAt = at + headerBytes + 4;
    const metaBytes = this.#slab.write(meta, bodyAt, 'utf8');
    this.#slab.writeUInt32BE(metaBytes, at + headerBytes);
    this.#end = bodyAt + metaBytes;
    const bodyBytes = isText ? this.#slab.write(body, this.#end, 'utf8') : body.length;
    this.#header(at, 4 + metaBytes + bodyBytes, type, flags, id);
    if (isText) this.#end += bodyBytes;
    else this.#append(body, isSmall);
  }

  take(): readonly Buffer[] {
    this.#cut();
    const taken = this.#pending;
    this.#pending = [];
    this.pendingBytes = 0;
    return taken;
  }

  /** Nobody reads what was taken any more: the same memory is used again. */
  recycle(): void {
    if (this.#end !== this.#start || this.#pending.length > 0) return;
    if (this.#slab.length > slabBytes) this.#slab = allocate(slabBytes);
    this.#start = 0;
    this.#end = 0;
  }

  #append(body: Uint8Array, isSmall: boolean): void {
    if (body.length === 0) return;
    if (isSmall) {
      this.#slab.set(body, this.#end);
      this.#end += body.length;
      return;
    }
    this.#cut();
    const bytes = body instanceof Buffer ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    this.#pending[this.#pending.length] = bytes;
    this.pendingBytes += bytes.length;
  }

  #reserve(bytes: number): void {
    if (this.#slab.length - this.#end >= bytes) return;
    this.#cut();
    this.#slab = allocate(Math.max(slabBytes, bytes));
    this.#start = 0;
    this.#end = 0;
  }

  #cut(): void {
    if (this.#end === this.#start) return;
    this.#pending[this.#pending.length] = this.#slab.subarray(this.#start, this.#end);
    this.pendingBytes += this.#end - this.#start;
    this.#start = this.#end;
  }

  #header(at: number, length: number, type: number, flags: number, id: number): void {
    const slab = this.#slab;
    slab.writeUInt32BE(length, at);
    slab[at + 4] = type;
    slab[at + 5] = flags;
    slab[at + 6] = 0;
    slab[at + 7] = 0;
    slab.writeUInt32BE(id, at + 8);
  }
}
