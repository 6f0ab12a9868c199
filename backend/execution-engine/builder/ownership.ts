import { lchown, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Makes `owner` (user and group) the owner of a tree, links themselves included; nothing when `owner` is undefined. */
export async function takeOwnership(path: string, owner: number | undefined): Promise<void> {
  if (owner === undefined) return;
  await lchown(path, owner, owner);
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    const below = join(path, entry.name);
    if (entry.isDirectory()) await takeOwnership(below, owner);
    else await lchown(below, owner, owner);
  }
}
