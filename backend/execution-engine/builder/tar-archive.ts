import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createGunzip } from 'node:zlib';
import type { Parser, ReadEntry } from 'tar';
import { PlatformError } from '../../../shared/errors.ts';
import { archiveInvalid, entryRefused, showName } from './refusals.ts';
import type { StagingTree } from './staging-tree.ts';

const fileTypes: ReadonlySet<string> = new Set(['File', 'OldFile', 'ContiguousFile']);

async function readEntry(entry: ReadEntry, tree: StagingTree, signal: AbortSignal): Promise<void> {
  if (entry.type === 'Directory') {
    await tree.addDirectory(entry.path);
    entry.resume();
    return;
  }
  if (!fileTypes.has(entry.type)) {
    const isLink = entry.type === 'SymbolicLink' || entry.type === 'Link';
    throw entryRefused(
      entry.path,
      isLink ? 'is a link; pack the file that it points to' : `is not a regular file (${entry.type}); leave it out`,
    );
  }
  signal.throwIfAborted();
  await tree.addFile(entry.path, entry, ((entry.mode ?? 0) & 0o111) !== 0);
}

/** Reads entries one after the other; `failed` rejects at the first that is refused. */
function readEntries(
  parser: Parser,
  tree: StagingTree,
  signal: AbortSignal,
): { done: Promise<void>; failed: Promise<never> } {
  const failure = Promise.withResolvers<never>();
  const finished = Promise.withResolvers<void>();
  failure.promise.catch(() => undefined);
  let work: Promise<void> = Promise.resolve();
  parser.on('entry', (entry: ReadEntry) => {
    work = work.then(() => readEntry(entry, tree, signal)).catch((error: unknown) => failure.reject(error));
  });
  parser.on('ignoredEntry', (entry: ReadEntry) => {
    failure.reject(entryRefused(entry.path, `is of an unknown kind (${entry.type}); leave it out`));
  });
  parser.on('warn', (code: string, message: string | Error) => {
    if (code !== 'TAR_ENTRY_INFO') failure.reject(new Error(`${code}: ${message}`));
  });
  parser.on('error', (error: unknown) => failure.reject(error));
  parser.on('end', () => finished.resolve());
  return { done: finished.promise.then(() => work), failed: failure.promise };
}

/** Unpacks a .tar.gz into `tree`. What the headers and padding unpack to counts too, not only the files. */
export async function unpackTarGz(path: string, tree: StagingTree, signal: AbortSignal): Promise<void> {
  // Loaded with the first archive: an idle platform unpacks none.
  const { Parser } = await import('tar');
  const packedBytes = (await stat(path)).size;
  const source = createReadStream(path);
  const gunzip = source.pipe(createGunzip());
  source.once('error', (error) => gunzip.destroy(error));
  const parser = new Parser({ strict: false });
  const { done, failed } = readEntries(parser, tree, signal);
  let unpackedBytes = 0;
  try {
    for await (const chunk of gunzip) {
      signal.throwIfAborted();
      unpackedBytes += (chunk as Buffer).length;
      tree.checkRatio(packedBytes, unpackedBytes);
      if (!parser.write(chunk as Buffer)) await Promise.race([once(parser, 'drain', { signal }), failed]);
    }
    parser.end();
    await Promise.race([done, failed]);
    // The last entry may have been refused in the same turn in which the archive ended.
    await Promise.race([failed, Promise.resolve()]);
  } catch (error) {
    if (error instanceof PlatformError) throw error;
    if (signal.aborted) throw signal.reason;
    const reason = error instanceof Error ? error.message : String(error);
    throw archiveInvalid(`the .tar.gz archive cannot be unpacked: ${showName(reason)}; pack it again`, error);
  } finally {
    source.destroy();
    gunzip.destroy();
  }
}
