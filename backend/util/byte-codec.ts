import { PlatformError } from '../../shared/errors.ts';

/** Appends numbers and short texts to a buffer that grows. Reused between values: `reset`, write, `take` or `copy`. */
export class ByteWriter {
  #bytes: Buffer;
  #length = 0;

  constructor(initialBytes = 1024) {
    this.#bytes = Buffer.allocUnsafeSlow(initialBytes);
  }

  get length(): number {
    return this.#length;
  }

  reset(): void {
    this.#length = 0;
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  /** A non-negative safe integer in LEB128: 7 bits per byte, low bits first. */
  varint(value: number): void {
    this.#reserve(8);
    let rest = value;
    while (rest >= 128) {
      this.#bytes[this.#length++] = (rest % 128) + 128;
      rest = Math.floor(rest / 128);
    }
    this.#bytes[this.#length++] = rest;
  }

  /** A signed integer of 32 bits, zigzag: small magnitudes stay small. */
  signed(value: number): void {
    this.varint(value < 0 ? -value * 2 - 1 : value * 2);
  }

  /** IEEE 754 double, big endian. */
  double(value: number): void {
    this.#reserve(8);
    this.#bytes.writeDoubleBE(value, this.#length);
    this.#length += 8;
  }

  /** UTF-8 with its length before it. */
  text(value: string): void {
    const sizeBytes = Buffer.byteLength(value);
    this.varint(sizeBytes);
    this.#reserve(sizeBytes);
    this.#length += this.#bytes.write(value, this.#length);
  }

  /** As they are, without their length. */
  bytes(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
  }

  /** A copy of what was written, in memory of its own. */
  copy(): Buffer {
    const copy = Buffer.allocUnsafeSlow(this.#length);
    this.#bytes.copy(copy, 0, 0, this.#length);
    return copy;
  }

  #reserve(sizeBytes: number): void {
    if (this.#length + sizeBytes <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#length + sizeBytes));
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }
}

/** Reads what `ByteWriter` wrote and nothing else: every method throws `internal`/`bad_encoding` on bytes that no writer makes. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #end: number;
  #offset: number;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#offset = start;
    this.#end = end;
  }

  /** Of what is read next, counted from the first of the bytes. */
  get offset(): number {
    return this.#offset;
  }

  byte(): number {
    if (this.#offset >= this.#end) throw badEncoding('it ends too early');
    return this.#bytes[this.#offset++] as number;
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 8; i++) {
      const byte = this.byte();
      value += (byte & 127) * scale;
      if (byte < 128) {
        if (byte === 0 && i > 0) throw badEncoding('a number is longer than it need be');
        if (!Number.isSafeInteger(value)) break;
        return value;
      }
      scale *= 128;
    }
    throw badEncoding('a number is too large');
  }

  signed(): number {
    const value = this.varint();
    if (value > 0xffff_ffff) throw badEncoding('a signed number is too large');
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  double(): number {
    if (this.#end - this.#offset < 8) throw badEncoding('it ends too early');
    const value = this.#view.getFloat64(this.#offset);
    this.#offset += 8;
    return value;
  }

  /** A finite double of 0 and above. -0 is none: sums begin at 0 and only grow. */
  amount(): number {
    const value = this.double();
    if (!(value >= 0 && value < Number.POSITIVE_INFINITY) || Object.is(value, -0))
      throw badEncoding('an amount is out of range');
    return value;
  }

  /** At most `maxBytes` of valid UTF-8. */
  text(maxBytes: number): string {
    const sizeBytes = this.varint();
    if (sizeBytes > maxBytes) throw badEncoding('a text is too long');
    if (this.#end - this.#offset < sizeBytes) throw badEncoding('it ends too early');
    const bytes = this.#bytes.subarray(this.#offset, this.#offset + sizeBytes);
    this.#offset += sizeBytes;
    try {
      return utf8.decode(bytes);
    } catch {
      throw badEncoding('a text is not UTF-8');
    }
  }

  /** Throws unless everything was read. */
  end(): void {
    if (this.#offset !== this.#end) throw badEncoding('something follows its end');
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function badEncoding(what: string): PlatformError {
  return new PlatformError('internal', 'bad_encoding', `a binary value is damaged: ${what}`);
}
