import { execFileSync } from 'node:child_process';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { PlatformError } from '../../../../../shared/errors.ts';
import { unpackLz4Legacy } from './lz4.ts';

/** Documentation/arch/x86/boot.rst: the set-up header of a bzImage. */
const header = { setupSectors: 0x1f1, magic: 0x202, payloadOffset: 0x248, payloadLength: 0x24c } as const;
const magicText = 'HdrS';
const sectorBytes = 512;
const elfMagic = Buffer.from('\x7fELF', 'latin1');
/** An unpacked kernel is some 60 MiB. */
const maxKernelBytes = 256 * 1024 * 1024;

/**
 * The uncompressed kernel (ELF with a PVH entry), which Firecracker needs and which saves every emulated boot the unpacking. Takes a
 * bzImage compressed by lz4, gzip, zstd or xz (then the program xz must be there), or an ELF file as it is.
 */
export function uncompressedKernel(image: Buffer): Buffer {
  if (isElf(image)) return image;
  if (image.length < header.payloadLength + 4 || image.toString('latin1', header.magic, header.magic + 4) !== magicText)
    throw unreadable('it is neither a bzImage nor an ELF file of x86-64');
  const setupSectors = image.readUInt8(header.setupSectors) || 4;
  const start = (setupSectors + 1) * sectorBytes + image.readUInt32LE(header.payloadOffset);
  const payload = image.subarray(start, start + image.readUInt32LE(header.payloadLength));
  const kernel = unpack(payload);
  if (!isElf(kernel)) throw unreadable('what is compressed in it is no ELF file');
  return kernel;
}

function unpack(payload: Buffer): Buffer {
  const magic = payload.length < 4 ? 0 : payload.readUInt32BE(0);
  try {
    if (magic === 0x02214c18) return unpackLz4Legacy(payload, maxKernelBytes);
    // The size that the kernel's build appends is no part of these frames.
    if (magic >>> 16 === 0x1f8b) return gunzipSync(payload, { maxOutputLength: maxKernelBytes });
    if (magic === 0x28b52ffd) return zstdDecompressSync(payload.subarray(0, -4), { maxOutputLength: maxKernelBytes });
    if (magic === 0xfd377a58) return unpackXz(payload);
  } catch (cause) {
    if (cause instanceof PlatformError) throw cause;
    throw unreadable('its compressed part is damaged', cause);
  }
  throw unreadable(`its compression (magic ${magic.toString(16).padStart(8, '0')}) is not known`);
}

function unpackXz(payload: Buffer): Buffer {
  return execFileSync('xz', ['--decompress', '--stdout', '--single-stream'], {
    input: payload,
    maxBuffer: maxKernelBytes,
    env: { PATH: '/usr/bin:/bin' },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
}

function isElf(bytes: Buffer): boolean {
  return bytes.subarray(0, 4).equals(elfMagic);
}

function unreadable(why: string, cause?: unknown): PlatformError {
  const message = `the kernel image cannot be used: ${why}; give a kernel of a distribution (a bzImage or a vmlinux for x86-64)`;
  return new PlatformError('unavailable', 'kernel_unreadable', message, { cause });
}
