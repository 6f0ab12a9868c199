import { PlatformError } from '../../../../../shared/errors.ts';

/** LZ4 legacy frame: magic, then blocks of 4 bytes length (little endian) and data, each 8 MiB unpacked but the last. */
const legacyMagic = 0x184c2102;
const minMatch = 4;

/** Unpacks the LZ4 legacy frames that Linux kernels are compressed with (lib/decompress_unlz4.c; LZ4 block format of lz4.org). */
export function unpackLz4Legacy(packed: Buffer, maxBytes: number): Buffer {
  if (packed.length < 4 || packed.readUInt32LE(0) !== legacyMagic) throw broken('it is no LZ4 legacy frame');
  const out = Buffer.allocUnsafe(maxBytes);
  let at = 4;
  let end = 0;
  while (at + 4 <= packed.length) {
    const length = packed.readUInt32LE(at);
    at += 4;
    if (length === legacyMagic) continue;
    // The kernel's build appends the unpacked size, which is no block: what is left is too short for one.
    if (length === 0 || at + length > packed.length) break;
    end = unpackBlock(packed.subarray(at, at + length), out, end);
    at += length;
  }
  return out.subarray(0, end);
}

/** Appends one block at `start` of `out`; matches may reach back into what is there. Returns the new end. */
function unpackBlock(block: Buffer, out: Buffer, start: number): number {
  let from = 0;
  let to = start;
  const more = (first: number): number => {
    let length = first;
    if (first !== 15) return length;
    for (let byte = 255; byte === 255; ) {
      byte = block[from++] ?? 0;
      length += byte;
    }
    return length;
  };
  while (from < block.length) {
    const token = block[from++] ?? 0;
    const literals = more(token >> 4);
    if (from + literals > block.length || to + literals > out.length) throw broken('a literal runs over its block');
    block.copy(out, to, from, from + literals);
    from += literals;
    to += literals;
    if (from >= block.length) break;
    const distance = block.readUInt16LE(from);
    from += 2;
    const length = more(token & 15) + minMatch;
    if (distance === 0 || distance > to || to + length > out.length) throw broken('a match is out of range');
    copyMatch(out, to, distance, length);
    to += length;
  }
  return to;
}

/** Source and target may overlap: then the bytes just written repeat. */
function copyMatch(out: Buffer, to: number, distance: number, length: number): void {
  if (distance >= length) out.copyWithin(to, to - distance, to - distance + length);
  else for (let i = 0; i < length; i++) out[to + i] = out[to + i - distance] ?? 0;
}

function broken(why: string): PlatformError {
  return new PlatformError('unavailable', 'kernel_unreadable', `the kernel image cannot be unpacked: ${why}`);
}
