import { createHash } from 'node:crypto';
import { chmod, copyFile, cp, lstat, mkdir, mkdtemp, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';

const searchableByOthers = 0o001;
const readableByOthers = 0o004;

/** Whether a user without any rights on this host could open `path`: every folder above is searchable by others. */
async function isReachable(path: string): Promise<boolean> {
  const real = await realpath(path).catch(() => undefined);
  if (real === undefined) return false;
  const info = await stat(real);
  if ((info.mode & readableByOthers) === 0) return false;
  for (let directory = info.isDirectory() ? real : dirname(real); ; directory = dirname(directory)) {
    if (((await stat(directory)).mode & searchableByOthers) === 0) return false;
    if (directory === '/') return true;
  }
}

/** The first of these directories that can be made and that a build's own user can reach. */
export async function firstReachableDirectory(candidates: readonly string[]): Promise<string | undefined> {
  for (const candidate of candidates.map((path) => resolve(path))) {
    if (!(await makeOwn(candidate))) continue;
    await chmod(candidate, 0o755);
    if (await isReachable(candidate)) return realpath(candidate);
  }
  return undefined;
}

/** False when it cannot be made, or is there and not ours: in a shared place such as /tmp somebody else may have been faster. */
async function makeOwn(path: string): Promise<boolean> {
  try {
    await mkdir(path, { recursive: true, mode: 0o711 });
    const info = await lstat(path);
    return info.isDirectory() && info.uid === process.getuid?.();
  } catch {
    return false;
  }
}

/**
 * A path with the contents of `source` that a build's own user can reach: `source` itself, or a copy below `directory`, which is made once
 * per contents (path, size and time of change).
 */
export async function reachableCopy(source: string, directory: string): Promise<string> {
  const real = await realpath(source);
  if (await isReachable(real)) return real;
  const info = await stat(real);
  const key = createHash('sha256').update(`${real}\0${info.size}\0${info.mtimeMs}`).digest('hex').slice(0, 16);
  const place = join(directory, `${basename(real)}-${key}`);
  const target = join(place, basename(real));
  if ((await stat(target).catch(() => undefined)) !== undefined) return target;
  await mkdir(directory, { recursive: true, mode: 0o755 });
  const incoming = await mkdtemp(join(directory, '.incoming-'));
  try {
    await chmod(incoming, 0o755);
    if (info.isDirectory()) await cp(real, join(incoming, basename(real)), { recursive: true, dereference: true });
    else {
      await copyFile(real, join(incoming, basename(real)));
      await chmod(join(incoming, basename(real)), 0o755);
    }
    await rename(incoming, place).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
  } finally {
    await rm(incoming, { recursive: true, force: true });
  }
  return target;
}
