import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Bytes and files below a directory that changes meanwhile; stops counting at the limits. */
export async function measure(
  directory: string,
  maxBytes: number,
  maxFiles: number,
): Promise<{ readonly bytes: number; readonly files: number }> {
  let bytes = 0;
  let files = 0;
  const pending = [directory];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const parent = next;
    for (const entry of await readdir(parent, { withFileTypes: true }).catch(() => [])) {
      files++;
      if (bytes > maxBytes || files > maxFiles) return { bytes, files };
      const path = join(parent, entry.name);
      if (entry.isDirectory()) pending.push(path);
      else if (entry.isFile()) bytes += (await stat(path).catch(() => undefined))?.size ?? 0;
    }
  }
  return { bytes, files };
}
