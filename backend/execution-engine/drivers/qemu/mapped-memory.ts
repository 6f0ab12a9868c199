import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { PlatformError } from '../../../../shared/errors.ts';
import type { MemorySource } from '../support/guest/copy-memory.ts';
import type { GuestMemory } from '../support/guest/guest-memory.ts';

/** What is known of memory that a QEMU has mapped privately, also when nobody else has it open any more. */
export interface MappedMemory {
  readonly inode: number;
  readonly sizeBytes: number;
}

export function mappedMemoryOf({ descriptor, sizeBytes }: GuestMemory): MappedMemory {
  return { inode: fstatSync(descriptor).ino, sizeBytes };
}

/**
 * The guest's memory as its QEMU, one of these processes, sees it: pages of the snapshot, and in their place what the guest has written. They are in no file, so they
 * are read where the process has them (proc(5), mem). What is read there is the guest's in any case, and is taken for nothing more. `close` ends it.
 * Throws `unavailable` (`guest_memory`) when no process has mapped all of it in one piece.
 */
export function openMappedMemory(
  pids: readonly number[],
  memory: MappedMemory,
): MemorySource & { readonly close: () => void } {
  for (const pid of pids) {
    const offset = mappedAt(readMaps(pid), memory);
    if (offset === undefined) continue;
    const descriptor = openSync(`/proc/${pid}/mem`, 'r');
    return { descriptor, offset, sizeBytes: memory.sizeBytes, close: () => closeSync(descriptor) };
  }
  throw new PlatformError('unavailable', 'guest_memory', 'QEMU has not mapped the memory of its guest');
}

/** Empty for a process that has ended. */
function readMaps(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/maps`, 'utf8');
  } catch {
    return '';
  }
}

/** The address in a process whose `maps` these are. */
export function mappedAt(maps: string, { inode, sizeBytes }: MappedMemory): number | undefined {
  for (const line of maps.split('\n')) {
    const [range = '', , offset = '', , file] = line.split(/\s+/);
    if (Number(file) !== inode || Number.parseInt(offset, 16) !== 0) continue;
    const [start = 0, end = 0] = range.split('-').map((address) => Number.parseInt(address, 16));
    if (end - start === sizeBytes) return start;
  }
  return undefined;
}
