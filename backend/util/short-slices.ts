import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { getPriority } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { elfProgram } from './elf-program.ts';
import { statFields } from './process-stat.ts';

/** The least that Linux grants (sched(7), kernel 6.12 and later; its own choice is 1.4 ms on two processors and more on larger ones). */
const sliceNs = 100_000n;
/** linux/sched.h: SCHED_OTHER, SCHED_FLAG_RESET_ON_FORK. */
const otherPolicy = 0;
const resetOnFork = 1n;
/** Where the instructions below have the id of the thread, and `struct sched_attr`. */
const threadAt = 32;
const attributesAt = 40;
/** linux/sched/types.h SCHED_ATTR_SIZE_VER1. */
const attributesBytes = 56;
const longestMs = 10_000;

/** exit_group(-sched_setattr(thread, attributes, 0)), 32 bytes each. */
const instructions = {
  // mov edi, [thread]; lea rsi, [attributes]; xor edx, edx; mov eax, 314; syscall; xchg eax, edi; neg edi; mov eax, 231; syscall
  x64: '8b3d1a000000488d351b00000031d2b83a0100000f0597f7dfb8e70000000f05',
  // ldr w0, thread; adr x1, attributes; mov x2, 0; mov x8, 274; svc 0; neg w0, w0; mov x8, 94; svc 0
  arm64: '0001001821010010020080d2482280d2010000d4e003004bc80b80d2010000d4',
} as const;

/**
 * Asks the kernel for short time slices for the first thread of a process of this user: when it wakes up it soon gets a processor from threads with longer
 * slices, as functions have, while its part of the processors over time stays the same (measured in docs/performance.md). Threads and processes that it begins from
 * then on have the kernel's own choice. Resolves with false, and changes nothing, where the thread has another policy than SCHED_OTHER or the host refuses; kernels
 * before 6.12 take the request and do nothing. Node has no such call, so a program in `directory` makes it, which is removed again.
 */
export async function askForShortSlices(pid: number, directory: string): Promise<boolean> {
  let folder: string | undefined;
  try {
    if (process.arch !== 'x64' && process.arch !== 'arm64') return false;
    if ((await policyOf(pid)) !== otherPolicy) return false;
    folder = await mkdtemp(join(directory, 'slices-'));
    const file = join(folder, 'program');
    await writeFile(file, program(process.arch, pid, getPriority(pid)), { mode: 0o700 });
    await promisify(execFile)(file, { env: {}, timeout: longestMs });
    return true;
  } catch {
    // Refused by a filter, a mount without programs, a process that has ended: all goes on as without.
    return false;
  } finally {
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  }
}

function program(arch: keyof typeof instructions, thread: number, nice: number): Buffer {
  const code = Buffer.alloc(attributesAt + attributesBytes);
  code.write(instructions[arch], 'hex');
  code.writeInt32LE(thread, threadAt);
  // struct sched_attr: size, policy, flags, nice, priority, runtime; deadline, period and the clamps of utilisation stay 0.
  code.writeUInt32LE(attributesBytes, attributesAt);
  code.writeUInt32LE(otherPolicy, attributesAt + 4);
  code.writeBigUInt64LE(resetOnFork, attributesAt + 8);
  code.writeInt32LE(nice, attributesAt + 16);
  code.writeBigUInt64LE(sliceNs, attributesAt + 24);
  return elfProgram(arch, code, { isWritable: false });
}

/** proc_pid_stat(5), `policy`. */
async function policyOf(pid: number): Promise<number> {
  return Number(statFields(await readFile(`/proc/${pid}/stat`, 'utf8'))(41));
}
