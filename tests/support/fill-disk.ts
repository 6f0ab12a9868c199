import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** Fills what is left of the file system of a folder, to the last byte; returns the file to delete. */
export function fillDisk(folder: string): string {
  const path = join(folder, 'filler');
  const descriptor = openSync(path, 'w');
  try {
    for (const size of [1_048_576, 4096, 1]) {
      const block = Buffer.alloc(size, 1);
      try {
        for (;;) writeSync(descriptor, block);
      } catch {
        // Full in steps of this size.
      }
    }
  } finally {
    closeSync(descriptor);
  }
  return path;
}
