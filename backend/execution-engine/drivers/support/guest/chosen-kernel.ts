import { randomBytes } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { copyFile, mkdir, rename, rm } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { PlatformError } from '../../../../../shared/errors.ts';
import { MiB } from '../../../../../shared/limits.ts';

/** By its ending a package is told from a kernel file. */
const names = { file: 'chosen-kernel', package: 'chosen-kernel.deb' } as const;
/** Kernels of distributions are some 10 MiB, their packages up to some 100 MiB. */
const maxKernelBytes = 512 * MiB;
const othersMayWrite = 0o022;

/** The kernel that was chosen for the guests of this directory, or an empty string. */
export function chosenKernel(directory: string): string {
  return (
    Object.values(names)
      .map((name) => join(directory, name))
      .find(existsSync) ?? ''
  );
}

/** Keeps a copy of `file` with the guests' parts; every store of the directory boots it from then on. */
export async function chooseKernel(directory: string, file: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o755 });
  const [name, other] = file.endsWith('.deb') ? [names.package, names.file] : [names.file, names.package];
  const draft = join(directory, `${name}.${randomBytes(6).toString('hex')}`);
  try {
    await copyFile(file, draft);
    await rename(draft, join(directory, name));
  } finally {
    await rm(draft, { force: true });
  }
  await rm(join(directory, other), { force: true });
}

/** Guests boot the kernel of the distribution again. */
export async function forgetChosenKernel(directory: string): Promise<void> {
  for (const name of Object.values(names)) await rm(join(directory, name), { force: true });
}

/**
 * Throws unless guests may be given this kernel: a regular file by its absolute path that belongs to root or the platform's own user, and that nobody else can
 * change, so that who may write some file on the host does not choose what every guest runs.
 */
export function checkKernelFile(file: string): void {
  if (!isAbsolute(file)) throw refused(`${file} is no absolute path on the platform's machine`);
  const stat = statSync(file, { throwIfNoEntry: false });
  if (stat === undefined) throw refused(`there is no ${file} on the platform's machine`);
  if (!stat.isFile()) throw refused(`${file} is no regular file`);
  if (stat.size > maxKernelBytes) throw refused(`${file} is larger than ${maxKernelBytes / MiB} MiB`);
  if (stat.uid !== 0 && stat.uid !== process.geteuid?.()) {
    throw refused(`${file} belongs to neither root nor the platform's user`);
  }
  if ((stat.mode & othersMayWrite) !== 0) throw refused(`${file} can be changed by others (chmod go-w)`);
}

function refused(reason: string): PlatformError {
  return new PlatformError('unprocessable', 'guest_kernel_refused', `the kernel was not taken: ${reason}`);
}
