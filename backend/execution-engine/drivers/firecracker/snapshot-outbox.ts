import { constants } from 'node:fs';
import { type FileHandle, open, readFile, unlink } from 'node:fs/promises';
import { PlatformError } from '../../../../shared/errors.ts';

/** Devices without the guest's memory are some 50 KB; what a Firecracker that was taken over writes beyond this is not read. */
const maxStateBytes = 16 * 1024 * 1024;
/** Never through a link, and never waiting for somebody at the other end of a FIFO. */
const carefully = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** What a Firecracker has written; it may have the file with the memory open still. */
export interface WrittenSnapshot {
  readonly state: Buffer;
  readonly memory: FileHandle;
}

/**
 * `Diff` of a guest that has booted is all that it has, without the pages that it never touched: Firecracker asks mincore(2) for them from 1.13 on. Pages that
 * are swapped out would be missing, so where there is swap, and with older ones, all memory is written, zeros too.
 */
export async function snapshotType(version: string, swapsFile = '/proc/swaps'): Promise<'Full' | 'Diff'> {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major < 2 && minor < 13) return 'Full';
  const [, ...swaps] = (await readFile(swapsFile, 'utf8')).trim().split('\n');
  return swaps.length === 0 ? 'Diff' : 'Full';
}

/** Takes the files out of the jail, whose owner is not trusted: their names are gone afterwards, and `memory` is to be closed. */
export async function takeOut(
  paths: { readonly state: string; readonly memory: string },
  memoryBytes: number,
): Promise<WrittenSnapshot> {
  let memory: FileHandle | undefined;
  try {
    memory = await openFile(paths.memory);
    const { size } = await memory.stat();
    if (size !== memoryBytes) throw unusable(`its memory has ${size} bytes and not ${memoryBytes}`);
    return { state: await readState(paths.state), memory };
  } catch (error) {
    await memory?.close();
    throw error;
  } finally {
    await Promise.allSettled([unlink(paths.memory), unlink(paths.state)]);
  }
}

async function readState(path: string): Promise<Buffer> {
  const file = await openFile(path);
  try {
    const { size } = await file.stat();
    if (size > maxStateBytes) throw unusable(`its state has ${size} bytes`);
    const state = Buffer.alloc(size);
    const { bytesRead } = await file.read(state, 0, size, 0);
    return state.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

async function openFile(path: string): Promise<FileHandle> {
  const file = await open(path, carefully);
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw unusable('it is no file');
}

function unusable(why: string): PlatformError {
  return new PlatformError(
    'unavailable',
    'snapshot_not_written',
    `Firecracker wrote no snapshot that can be used: ${why}`,
  );
}
