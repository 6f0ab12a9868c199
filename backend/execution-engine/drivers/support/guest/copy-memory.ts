import type { Hash } from 'node:crypto';
import { read, write } from 'node:fs';
import { promisify } from 'node:util';
import { MiB } from '../../../../../shared/limits.ts';

const readAt = promisify(read);
const writeAt = promisify(write);
const pieceBytes = MiB;
/** What is zero in this grain is left out; most of a guest's memory is. */
const grainBytes = 64 * 1024;
const zeros = Buffer.alloc(grainBytes);

/** Where the memory of a guest can be read. */
export interface MemorySource {
  readonly descriptor: number;
  /** Where it begins there; 0 when left out. */
  readonly offset?: number;
  readonly sizeBytes: number;
}

/**
 * Copies what is not zero to the same place in another descriptor, which must hold zeros there; returns how many bytes those were. `hash` gets them too, each run with
 * its place, so that it says what the whole memory is. Without `to` it is only read. Rejects when there is less to read than it says.
 */
export async function copyMemory(
  { descriptor, offset = 0, sizeBytes }: MemorySource,
  to: number | undefined,
  hash?: Hash,
): Promise<number> {
  const piece = Buffer.allocUnsafe(pieceBytes);
  let copied = 0;
  for (let at = 0; at < sizeBytes; at += pieceBytes) {
    const wanted = Math.min(pieceBytes, sizeBytes - at);
    const { bytesRead } = await readAt(descriptor, piece, 0, wanted, offset + at);
    if (bytesRead < wanted) throw new Error('the memory ends too early');
    for (const [start, end] of runs(piece.subarray(0, bytesRead))) {
      const run = piece.subarray(start, end);
      hash?.update(`${at + start} ${run.length}\n`).update(run);
      if (to !== undefined) await writeWhole(to, run, at + start);
      copied += run.length;
    }
  }
  return copied;
}

/** Where the piece is not zero, in grains, neighbours joined. */
function runs(piece: Buffer): readonly (readonly [number, number])[] {
  const found: [number, number][] = [];
  for (let start = 0; start < piece.length; start += grainBytes) {
    const end = Math.min(start + grainBytes, piece.length);
    if (piece.compare(zeros, 0, end - start, start, end) === 0) continue;
    const last = found.at(-1);
    if (last?.[1] === start) last[1] = end;
    else found.push([start, end]);
  }
  return found;
}

async function writeWhole(to: number, bytes: Buffer, at: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await writeAt(to, bytes, done, bytes.length - done, at + done);
    done += bytesWritten;
  }
}
