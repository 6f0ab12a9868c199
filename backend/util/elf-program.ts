const loadAddress = 0x400000n;
/** Elf64_Ehdr and one Elf64_Phdr (elf(5)). */
const headerBytes = 64 + 56;
/** elf.h EM_X86_64, EM_AARCH64. */
const machines = { x64: 62, arm64: 183 } as const;
/** elf.h PF_X, PF_W, PF_R. */
const permissions = { execute: 1, write: 2, read: 4 } as const;

/** Where the code of a program is in memory. */
export const codeAddress = loadAddress + BigInt(headerBytes);

/** A static program for Linux: `code` begins with its first instruction. One segment, readable, executable and on request writable. */
export function elfProgram(
  arch: keyof typeof machines,
  code: Buffer,
  options: { readonly isWritable: boolean },
): Buffer {
  const { execute, write, read } = permissions;
  const sizeBytes = BigInt(headerBytes + code.length);
  const head = Buffer.alloc(headerBytes);
  // \x7fELF, 64 bits, little endian, version 1; ET_EXEC.
  Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]).copy(head);
  head.writeUInt16LE(2, 16);
  head.writeUInt16LE(machines[arch], 18);
  head.writeUInt32LE(1, 20);
  head.writeBigUInt64LE(codeAddress, 24);
  head.writeBigUInt64LE(64n, 32);
  head.writeUInt16LE(64, 52);
  head.writeUInt16LE(56, 54);
  head.writeUInt16LE(1, 56);
  // PT_LOAD, the whole file.
  head.writeUInt32LE(1, 64);
  head.writeUInt32LE(read | execute | (options.isWritable ? write : 0), 68);
  head.writeBigUInt64LE(loadAddress, 64 + 16);
  head.writeBigUInt64LE(loadAddress, 64 + 24);
  head.writeBigUInt64LE(sizeBytes, 64 + 32);
  head.writeBigUInt64LE(sizeBytes, 64 + 40);
  head.writeBigUInt64LE(0x1000n, 64 + 48);
  return Buffer.concat([head, code]);
}
