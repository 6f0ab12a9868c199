import type { Dirent } from 'node:fs';
import {
  chmodSync,
  copyFileSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
} from 'node:fs';
import { chmod, copyFile, link, lstat, mkdir, readdir, readlink, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { PlatformError } from '../../../../shared/errors.ts';

const othersMayRead = 0o004;
const anyMayExecute = 0o111;
/** What a hard link refuses for: other file system, not ours (fs.protected_hardlinks), too many links, no links at all there. */
const copyInstead = new Set(['EXDEV', 'EPERM', 'EMLINK', 'EACCES', 'ENOTSUP', 'EOPNOTSUPP']);
const directoryMode = 0o755;
/** Directories are read, and files linked, by so many at once. */
const parallelLinks = 16;

/**
 * Puts a file under a second name without copying it, readable for every user. The original is never changed: where its mode
 * would keep a sandbox from reading it, or where the file system refuses, a copy is made.
 */
export function linkFile(from: string, to: string): void {
  const { mode } = lstatSync(from);
  if ((mode & othersMayRead) !== 0) {
    try {
      linkSync(from, to);
      return;
    } catch (error) {
      if (!mustCopy(error)) throw error;
    }
  }
  copyFileSync(from, to);
  chmodSync(to, copyMode(mode));
}

/** The same tree below `to` (which exists), as directories of ours and links to the files. Blocks; for few files. */
export function linkTreeSync(from: string, to: string): void {
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const source = join(from, entry.name);
    const target = join(to, entry.name);
    if (entry.isDirectory()) {
      mkdirSync(target, { mode: directoryMode });
      // mkdir obeys the umask; the sandbox must pass nevertheless.
      chmodSync(target, directoryMode);
      linkTreeSync(source, target);
    } else if (entry.isSymbolicLink()) symlinkSync(readlinkSync(source), target);
    else if (entry.isFile()) linkFile(source, target);
    else throw notAFile(entry);
  }
}

/** The same as `linkTreeSync`, without blocking; for many files. */
export async function linkTree(from: string, to: string, signal: AbortSignal | undefined): Promise<void> {
  const pending: (() => Promise<void>)[] = [];
  const visit = async (source: string, target: string): Promise<void> => {
    for (const entry of await readdir(source, { withFileTypes: true })) {
      signal?.throwIfAborted();
      const inner = [join(source, entry.name), join(target, entry.name)] as const;
      if (entry.isDirectory()) {
        await mkdir(inner[1], { mode: directoryMode });
        await chmod(inner[1], directoryMode);
        await visit(...inner);
      } else if (entry.isSymbolicLink()) await symlink(await readlink(inner[0]), inner[1]);
      else if (entry.isFile()) pending.push(() => linkFileAsync(...inner));
      else throw notAFile(entry);
    }
  };
  await visit(from, to);
  const next = async (): Promise<void> => {
    for (let run = pending.pop(); run !== undefined; run = pending.pop()) {
      signal?.throwIfAborted();
      await run();
    }
  };
  await Promise.all(Array.from({ length: parallelLinks }, next));
}

async function linkFileAsync(from: string, to: string): Promise<void> {
  const { mode } = await lstat(from);
  if ((mode & othersMayRead) !== 0) {
    try {
      await link(from, to);
      return;
    } catch (error) {
      if (!mustCopy(error)) throw error;
    }
  }
  await copyFile(from, to);
  await chmod(to, copyMode(mode));
}

function copyMode(mode: number): number {
  return (mode & anyMayExecute) === 0 ? 0o444 : 0o555;
}

function mustCopy(error: unknown): boolean {
  return error instanceof Error && 'code' in error && copyInstead.has(String(error.code));
}

function notAFile(entry: Dirent): PlatformError {
  const message = `${entry.name} is neither a file, a directory nor a symbolic link; remove it from the bundle`;
  return new PlatformError('unprocessable', 'bundle_special_file', message);
}
