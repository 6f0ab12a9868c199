import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { PlatformError } from '../../../shared/errors.ts';
import type { BundleSource } from '../../core/ports/bundle-builder.ts';
import { bundleTooLarge } from './refusals.ts';
import { StagingTree } from './staging-tree.ts';
import { unpackTarGz } from './tar-archive.ts';
import type { UnpackLimits } from './unpack-limits.ts';
import { unpackZip } from './zip-archive.ts';

/** The program of the `custom` runtime, at the top of its bundle. */
const bootstrapName = 'bootstrap';
/** What macOS adds to every .zip. */
const litter: ReadonlySet<string> = new Set(['__MACOSX', '.DS_Store']);

/** Writes the upload into the empty `directory`, under the limits; returns the directory that is the bundle's root. */
export async function unpackSource(
  source: BundleSource,
  directory: string,
  handlerPath: string,
  limits: UnpackLimits,
  signal: AbortSignal,
): Promise<string> {
  const tree = new StagingTree({ directory, limits });
  if (source.kind === 'inline') {
    for (const [name, content] of Object.entries(source.files)) {
      signal.throwIfAborted();
      const bytes = typeof content === 'string' ? Buffer.from(content) : Buffer.from(content.base64, 'base64');
      // JSON has no modes; the program of a custom runtime is the one file that must be executable.
      await tree.addFile(name, bytes, name === bootstrapName);
    }
  } else {
    await unpackArchive(source, tree, limits, signal);
    for (const name of await readdir(directory)) {
      if (litter.has(name)) await rm(join(directory, name), { recursive: true, force: true });
    }
  }
  if (tree.files().length === 0) {
    throw new PlatformError('invalid_request', 'bundle_empty', 'the bundle has no files; upload at least the handler');
  }
  return source.kind === 'archive' ? findRoot(directory, handlerPath) : directory;
}

async function unpackArchive(
  source: Extract<BundleSource, { kind: 'archive' }>,
  tree: StagingTree,
  limits: UnpackLimits,
  signal: AbortSignal,
): Promise<void> {
  const timeout = AbortSignal.timeout(limits.maxUnpackMs);
  const either = AbortSignal.any([signal, timeout]);
  const unpack = source.format === 'zip' ? unpackZip : unpackTarGz;
  try {
    await unpack(source.path, tree, either);
  } catch (error) {
    if (timeout.aborted && !signal.aborted && !(error instanceof PlatformError)) {
      throw bundleTooLarge(
        `the archive did not unpack within ${limits.maxUnpackMs / 1000} s; leave out what the function does not need`,
      );
    }
    throw error;
  }
}

/**
 * GitHub and many tools pack everything into one top-level folder. That folder is the root if the handler's file (or a
 * package.json, requirements.txt) is in it, and the handler cannot be meant from above it.
 */
async function findRoot(directory: string, handlerPath: string): Promise<string> {
  const entries = await readdir(directory, { withFileTypes: true });
  const [only] = entries;
  if (entries.length !== 1 || only === undefined || !only.isDirectory()) return directory;
  if (handlerPath.startsWith(`${only.name}/`)) return directory;
  const inner = join(directory, only.name);
  const [handlerName] = handlerPath.split('/') as [string];
  const names = await readdir(inner);
  const isProject = names.some(
    (name) =>
      name === 'package.json' ||
      name === 'requirements.txt' ||
      name === handlerName ||
      name.startsWith(`${handlerName}.`),
  );
  return isProject ? inner : directory;
}
