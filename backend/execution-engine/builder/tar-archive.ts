import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createGunzip } from 'node:zlib';
import type { Parser, ReadEntry } from 'tar';
import { PlatformError } from '../../../shared/errors.ts';
import { archiveUnreadable, entryRefused } from './refusals.ts';
import type { StagingTree } from './staging-tree.ts';

const fileTypes: ReadonlySet<string> = new Set(['File', 'OldFile', 'ContiguousFile']);

/** The bytes of an entry, until nobody wants them any more: an entry that is destroyed never ends by itself. */
async function* contentOf(entry: ReadEntry, signal: AbortSignal): AsyncGenerator<Buffer> {
  signal.throwIfAborted();
  for await (const chunk of entry) {
    yield chunk;
    signal.throwIfAborted();
  }
}

async function readEntry(entry: ReadEntry, tree: StagingTree, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
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
  await tree.addFile(entry.path, contentOf(entry, signal), ((entry.mode ?? 0) & 0o111) !== 0);
}

interface Reading {
  readonly done: Promise<void>;
  /** Rejects at the first entry that is refused. */
  readonly failed: Promise<never>;
  /** Resolves when no file is open and nothing is written any more. */
  readonly giveUp: () => Promise<void>;
}

/** Reads entries one after the other. */
function readEntries(parser: Parser, tree: StagingTree, signal: AbortSignal): Reading {
  const abandoned = new AbortController();
  const either = AbortSignal.any([signal, abandoned.signal]);
  let current: ReadEntry | undefined;
  const failure = Promise.withResolvers<never>();
  const finished = Promise.withResolvers<void>();
  failure.promise.catch(() => undefined);
  let work: Promise<void> = Promise.resolve();
  parser.on('entry', (entry: ReadEntry) => {
    work = work
      .then(() => {
        current = entry;
        return readEntry(entry, tree, either);
      })
      .catch((error: unknown) => failure.reject(error));
  });
  parser.on('ignoredEntry', (entry: ReadEntry) => {
    failure.reject(entryRefused(entry.path, `is of an unknown kind (${entry.type}); leave it out`));
  });
  // Whatever is odd about an entry; only what writes files itself warns of less.
  parser.on('warn', (code: string, message: string | Error) => failure.reject(new Error(`${code}: ${message}`)));
  parser.on('error', (error: unknown) => failure.reject(error));
  parser.on('end', () => finished.resolve());
  const giveUp = (): Promise<void> => {
    abandoned.abort();
    current?.destroy();
    return work;
  };
  return { done: finished.promise.then(() => work), failed: failure.promise, giveUp };
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
  const { done, failed, giveUp } = readEntries(parser, tree, signal);
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
    await giveUp();
    if (error instanceof PlatformError) throw error;
    if (signal.aborted) throw signal.reason;
    throw archiveUnreadable('.tar.gz', error);
  } finally {
    source.destroy();
    gunzip.destroy();
  }
}
