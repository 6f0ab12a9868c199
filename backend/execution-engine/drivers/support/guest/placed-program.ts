import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { explainDiskFull } from './disk-full.ts';

/**
 * Puts a small program of ours into `directory`, named by its bytes; the file appears whole or not at all. Returns where it is. `what` names it where the disk is
 * full.
 */
export async function placeProgram(directory: string, name: string, program: Buffer, what: string): Promise<string> {
  const path = join(directory, `${name}-${createHash('sha256').update(program).digest('hex').slice(0, 24)}`);
  if (existsSync(path)) return path;
  await mkdir(directory, { recursive: true, mode: 0o755 });
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    await writeFile(draft, program);
    await chmod(draft, 0o555);
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw explainDiskFull(error, what, directory);
  }
  return path;
}
