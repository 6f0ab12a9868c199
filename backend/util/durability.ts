import { open } from 'node:fs/promises';
import { join } from 'node:path';

/** Parallel fsyncs share journal commits; more than this only makes them wait for each other. */
const parallelSyncs = 32;

/** Resolves when the file's contents, or the directory's list of names, are on disk. */
export async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Syncs the files, then the folders that name them. Paths are relative to `root`. */
export async function syncDirectoryTree(
  root: string,
  files: readonly string[],
  folders: Iterable<string>,
): Promise<void> {
  for (const paths of [files, [...folders]]) {
    const rest = paths.values();
    const drain = async (): Promise<void> => {
      for (const path of rest) await syncPath(join(root, path));
    };
    await Promise.all(Array.from({ length: parallelSyncs }, drain));
  }
}
