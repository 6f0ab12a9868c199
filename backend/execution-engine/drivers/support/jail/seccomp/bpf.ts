import { PlatformError } from '../../../../../../shared/errors.ts';

/**
 * One line of a classic BPF program over `struct seccomp_data` (linux/seccomp.h). Jumps name labels; a branch without a label goes on
 * with the next instruction. `load` reads the 32-bit word at a byte offset.
 */
export type BpfLine =
  | { readonly op: 'load'; readonly offset: number }
  | {
      readonly op: 'jump';
      readonly test: keyof typeof jumpCodes;
      readonly value: number;
      readonly whenTrue?: string;
      readonly whenFalse?: string;
    }
  | { readonly op: 'return'; readonly value: number }
  | { readonly op: 'label'; readonly name: string };

/** linux/bpf_common.h: BPF_JMP with the test, comparing to the constant k. */
const jumpCodes = { equal: 0x15, greater: 0x25, 'greater-or-equal': 0x35, 'any-bit': 0x45 } as const;
const loadWordCode = 0x20;
const returnCode = 0x06;
const instructionBytes = 8;
/** linux/bpf_common.h BPF_MAXINSNS. */
const maxInstructions = 4096;

/** Makes the array of `struct sock_filter` (linux/filter.h: u16 code, u8 jt, u8 jf, u32 k; little endian) that the kernel takes. */
export function assembleBpf(lines: readonly BpfLine[]): Buffer {
  const labels = new Map<string, number>();
  let count = 0;
  for (const line of lines) {
    if (line.op !== 'label') count++;
    else if (labels.has(line.name)) throw assemblyError(`label ${line.name} is there twice`);
    else labels.set(line.name, count);
  }
  if (count > maxInstructions) throw assemblyError(`${count} instructions, at most ${maxInstructions}`);
  const bytes = Buffer.alloc(count * instructionBytes);
  let index = 0;
  for (const line of lines) {
    if (line.op === 'label') continue;
    const at = index * instructionBytes;
    if (line.op === 'load') writeInstruction(bytes, at, loadWordCode, 0, 0, line.offset);
    else if (line.op === 'return') writeInstruction(bytes, at, returnCode, 0, 0, line.value);
    else {
      const whenTrue = jumpDistance(labels, line.whenTrue, index);
      const whenFalse = jumpDistance(labels, line.whenFalse, index);
      writeInstruction(bytes, at, jumpCodes[line.test], whenTrue, whenFalse, line.value);
    }
    index++;
  }
  return bytes;
}

function writeInstruction(
  bytes: Buffer,
  at: number,
  code: number,
  whenTrue: number,
  whenFalse: number,
  k: number,
): void {
  bytes.writeUInt16LE(code, at);
  bytes.writeUInt8(whenTrue, at + 2);
  bytes.writeUInt8(whenFalse, at + 3);
  bytes.writeUInt32LE(k, at + 4);
}

function jumpDistance(labels: ReadonlyMap<string, number>, label: string | undefined, from: number): number {
  if (label === undefined) return 0;
  const target = labels.get(label);
  if (target === undefined) throw assemblyError(`label ${label} is nowhere`);
  const distance = target - from - 1;
  if (distance < 0 || distance > 255) throw assemblyError(`label ${label} is ${distance} instructions away`);
  return distance;
}

function assemblyError(message: string): PlatformError {
  return new PlatformError('internal', 'bpf_assembly', `the system call filter cannot be assembled: ${message}`);
}
