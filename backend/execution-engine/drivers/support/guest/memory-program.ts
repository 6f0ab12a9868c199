import { StaticProgram } from './static-program.ts';

/** arch/x86/entry/syscalls/syscall_64.tbl. */
const calls = { write: 1, dup2: 33, fcntl: 72, memfdCreate: 319 } as const;
/** linux/memfd.h MFD_CLOEXEC, MFD_ALLOW_SEALING. */
const createFlags = 1 | 2;
/** linux/fcntl.h F_ADD_SEALS; F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE. */
const addSeals = 1033;
const everySeal = 1 | 2 | 4 | 8;

/** Where the program has the memory open. */
export const keeperDescriptor = 9;

/** Makes memory without a name, says `m`, waits for a byte, seals the memory for good, says `s`, and waits until it is ended. */
export function memoryProgram(): Buffer {
  return new StaticProgram(1)
    .text('name', 'hearth-guest')
    .text('made', 'm')
    .text('sealed', 's')
    .data('go', Buffer.alloc(1))
    .call(calls.memfdCreate, { data: 'name' }, createFlags)
    .keepResult()
    .call(calls.dup2, { register: 'r12' }, keeperDescriptor)
    .call(calls.write, 1, { data: 'made' }, 1)
    .readExactly('go', 1)
    .call(calls.fcntl, keeperDescriptor, addSeals, everySeal)
    .call(calls.write, 1, { data: 'sealed' }, 1)
    .readExactly('go', 1)
    .build();
}
