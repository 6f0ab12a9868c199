import { headerBytes } from './frames.ts';

const slabBytes = 65_536;
/** Bodies up to this are copied behind their header; larger ones go out as they are, without a copy. */
const copyBytes = 16_384;
/** Most bytes that UTF-8 needs for one UTF-16 code unit. */
const utf8BytesPerUnit = 3;

/**
 * Puts frames one behind the other into large blocks, so that everything of one tick leaves in one write.
 * Pure: `take` hands out what is there. Blocks are not written to again where they were taken, unless `recycle` allows it.
 */
export class FrameEncoder {
  #slab: Buffer = Buffer.allocUnsafeSlow(slabBytes);
  #start = 0;
  #end = 0;
  #pending: Buffer[] = [];
  #pendingBytes = 0;

  /** Bytes waiting to be taken. */
  get bytes(): number {
    return this.#pendingBytes + this.#end - this.#start;
  }

  /** A frame whose payload is `payload`, which must not change until it is written. */
  raw(type: number, flags: number, id: number, payload: Buffer): void {
    const small = payload.length <= copyBytes;
    this.#reserve(headerBytes + (small ? payload.length : 0));
    this.#header(payload.length, type, flags, id);
    this.#append(payload, small);
  }

  /** A frame whose payload is text. */
  text(type: number, flags: number, id: number, text: string): void {
    this.#reserve(headerBytes + text.length * utf8BytesPerUnit);
    const header = this.#end;
    this.#end += headerBytes;
    const length = this.#slab.write(text, this.#end, 'utf8');
    this.#headerAt(header, length, type, flags, id);
    this.#end += length;
  }

  /** A frame with a u32 as its payload. */
  u32(type: number, id: number, value: number): void {
    this.#reserve(headerBytes + 4);
    this.#header(4, type, 0, id);
    this.#slab.writeUInt32BE(value, this.#end);
    this.#end += 4;
  }

  /** A `meta + body` frame. `bodies` must not change until they are written. */
  meta(type: number, flags: number, id: number, meta: string, bodies: readonly Buffer[]): void {
    let bodyBytes = 0;
    for (const body of bodies) bodyBytes += body.length;
    const small = bodyBytes <= copyBytes;
    this.#reserve(headerBytes + 4 + meta.length * utf8BytesPerUnit + (small ? bodyBytes : 0));
    const header = this.#end;
    const metaBytes = this.#slab.write(meta, header + headerBytes + 4, 'utf8');
    this.#headerAt(header, 4 + metaBytes + bodyBytes, type, flags, id);
    this.#slab.writeUInt32BE(metaBytes, header + headerBytes);
    this.#end = header + headerBytes + 4 + metaBytes;
    for (const body of bodies) this.#append(body, small);
  }

  /** Everything encoded since the last call, in order. */
  take(): readonly Buffer[] {
    this.#cut();
    const taken = this.#pending;
    this.#pending = [];
    this.#pendingBytes = 0;
    return taken;
  }

  /** Nobody reads what was taken any more: the same memory is used again. */
  recycle(): void {
    if (this.#end !== this.#start || this.#pending.length > 0) return;
    if (this.#slab.length > slabBytes) this.#slab = Buffer.allocUnsafeSlow(slabBytes);
    this.#start = 0;
    this.#end = 0;
  }

  #append(body: Buffer, copied: boolean): void {
    if (body.length === 0) return;
    if (copied) {
      body.copy(this.#slab, this.#end);
      this.#end += body.length;
      return;
    }
    this.#cut();
    this.#push(body);
  }

  #reserve(bytes: number): void {
    if (this.#slab.length - this.#end >= bytes) return;
    this.#cut();
    this.#slab = Buffer.allocUnsafeSlow(Math.max(slabBytes, bytes));
    this.#start = 0;
    this.#end = 0;
  }

  #cut(): void {
    if (this.#end === this.#start) return;
    this.#push(this.#slab.subarray(this.#start, this.#end));
    this.#start = this.#end;
  }

  #push(bytes: Buffer): void {
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
  }

  #header(length: number, type: number, flags: number, id: number): void {
    this.#headerAt(this.#end, length, type, flags, id);
    this.#end += headerBytes;
  }

  #headerAt(at: number, length: number, type: number, flags: number, id: number): void {
    const slab = this.#slab;
    slab.writeUInt32BE(length, at);
    slab[at + 4] = type;
    slab[at + 5] = flags;
    slab[at + 6] = 0;
    slab[at + 7] = 0;
    slab.writeUInt32BE(id, at + 8);
  }
}
