import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { PlatformError } from '../../../../shared/errors.ts';

export interface MkfsOptions {
  readonly mkfs: string;
  readonly file: string;
  /** Under which other volumes mount this one; left out for the volume that boots. */
  readonly label?: string;
  /** Boot loader and kernel, for the volume that boots. */
  readonly boot?: { readonly loader: string; readonly kernel: string };
  /** Size of the whole file in MiB, for volumes that are written to. */
  readonly sizeMb?: number;
}

/** Reading a runtime of 150 MB takes half a second. */
const timeoutMs = 60_000;
/** Longer paths of host files end Nanos's mkfs (NAME_MAX in tools/mkfs.c). */
export const maxHostPathBytes = 250;

/** The arguments of Nanos's mkfs (tools/mkfs.c, usage). */
export function mkfsArguments(options: MkfsOptions): readonly string[] {
  const { boot, label, sizeMb } = options;
  return [
    ...(boot === undefined ? [] : ['-b', boot.loader, '-k', boot.kernel]),
    ...(label === undefined ? [] : ['-l', label]),
    ...(sizeMb === undefined ? [] : ['-s', `${sizeMb}M`]),
    options.file,
  ];
}

/** Makes a volume of what the manifest names. Rejects with `unavailable` (`image_not_built`) and what mkfs said. */
export async function runMkfs(manifest: string, options: MkfsOptions): Promise<void> {
  const child = spawn(options.mkfs, mkfsArguments(options), { env: {}, stdio: 'pipe', timeout: timeoutMs });
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => resolve(code === 0 ? '' : `it ended with ${signal ?? code}`));
  });
  // It may end before it has read everything.
  child.stdin.on('error', () => undefined).end(manifest);
  child.stdout.resume();
  const [failure, said] = await Promise.all([ended, text(child.stderr).catch(() => '')]);
  if (failure === '') return;
  const detail = said.trim().split('\n').at(-1) || failure;
  throw new PlatformError('unavailable', 'image_not_built', `Nanos's mkfs could not make a volume: ${detail}`);
}
