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

/** So many pieces are read and written at a time, where their order does not matter. */
const maxPieces = 2;

/**
 * Copies what is not zero from one descriptor to the same place in another, which must hold zeros there; returns how many bytes those were. `hash`
 * gets them too, each run with its place, so that it says what the whole memory is. Without `to` it is only read. Rejects when nothing is being copied any more.
 */
export async function copyMemory(
  from: number,
  to: number | undefined,
  sizeBytes: number,
  hash?: Hash,
): Promise<number> {
  let [next, copied] = [0, 0];
  const copyPieces = async (): Promise<void> => {
    const piece = Buffer.allocUnsafe(pieceBytes);
    while (next < sizeBytes) {
      const at = next;
      next += pieceBytes;
      const { bytesRead } = await readAt(from, piece, 0, Math.min(pieceBytes, sizeBytes - at), at);
      for (const [start, end] of runs(piece.subarray(0, bytesRead))) {
        const run = piece.subarray(start, end);
        hash?.update(`${at + start} ${run.length}\n`).update(run);
        if (to !== undefined) await writeWhole(to, run, at + start);
        copied += run.length;
      }
    }
  };
  const settled = await Promise.allSettled(Array.from({ length: hash === undefined ? maxPieces : 1 }, copyPieces));
  for (const result of settled) if (result.status === 'rejected') throw result.reason;
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
