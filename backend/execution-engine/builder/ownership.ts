import { lchown, lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Makes `owner` (user and group) the owner of a tree, links themselves included but never what they point to; nothing when `owner` is undefined. */
export async function takeOwnership(path: string, owner: number | undefined): Promise<void> {
  if (owner === undefined) return;
  await lchown(path, owner, owner);
  // A build may have put a link to a directory of the host here.
  if (!(await lstat(path)).isDirectory()) return;
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    const below = join(path, entry.name);
    if (entry.isDirectory()) await takeOwnership(below, owner);
    else await lchown(below, owner, owner);
  }
}
