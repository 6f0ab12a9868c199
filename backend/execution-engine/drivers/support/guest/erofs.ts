import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { chmod, copyFile, mkdir, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { PlatformError } from '../../../../../shared/errors.ts';
import type { TarEntry } from '../tar.ts';

const run = promisify(execFile);
/** Any fixed one: it only names the file system, and a random one would make every image differ. */
const fixedUuid = '00000000-0000-4000-8000-000000000000';

/** Makes a read-only EROFS image of these entries at `file`, which nobody else makes meanwhile; the same entries make the same bytes. */
export async function makeErofs(entries: readonly TarEntry[], file: string): Promise<void> {
  const tree = `${file}.tree`;
  try {
    await mkdir(tree, { recursive: true, mode: 0o755 });
    for (const entry of entries) await place(tree, entry);
    await runMkfs(['-T0', '-U', fixedUuid, '--all-root', '--quiet', file, tree]);
  } finally {
    await rm(tree, { recursive: true, force: true });
  }
}

async function place(tree: string, entry: TarEntry): Promise<void> {
  const path = join(tree, entry.path);
  await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  switch (entry.kind) {
    case 'directory':
      await mkdir(path, { recursive: true });
      break;
    case 'symlink':
      await symlink(entry.target, path);
      return;
    case 'bytes':
      await writeFile(path, entry.bytes);
      break;
    case 'file':
      await copyFile(entry.hostPath, path, constants.COPYFILE_FICLONE);
      break;
    default:
      throw new Error('a stream cannot be part of an EROFS image');
  }
  await chmod(path, entry.mode);
  await utimes(path, 0, 0);
}

async function runMkfs(args: readonly string[]): Promise<void> {
  try {
    await run('mkfs.erofs', [...args], { env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' } });
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') {
      const message = 'mkfs.erofs is not installed; install it (apt-get install erofs-utils)';
      throw new PlatformError('unavailable', 'program_missing', message, { cause });
    }
    const detail = cause instanceof Error && 'stderr' in cause ? String(cause.stderr).trim().split('\n').at(-1) : '';
    throw new PlatformError('unavailable', 'image_not_built', `an image for guests could not be made: ${detail}`, {
      cause,
    });
  }
}
