import { stat } from 'node:fs/promises';
import type { Entry, ZipFile } from 'yauzl';
import { PlatformError } from '../../../shared/errors.ts';
import { archiveInvalid, archiveUnreadable, entryRefused } from './refusals.ts';
import type { StagingTree } from './staging-tree.ts';

const madeOnUnix = 3;
const fileTypeMask = 0o170000;
const regularFile = 0o100000;
const directory = 0o040000;

/** Unix mode of an entry, or 0 when it was packed on a system without modes. */
function unixMode(entry: Entry): number {
  return entry.versionMadeBy >>> 8 === madeOnUnix ? entry.externalFileAttributes >>> 16 : 0;
}

function checkKind(entry: Entry): void {
  const type = unixMode(entry) & fileTypeMask;
  if (type !== 0 && type !== regularFile && type !== directory) {
    const what =
      type === 0o120000 ? 'is a symbolic link; pack the file that it points to' : 'is not a regular file; leave it out';
    throw entryRefused(entry.fileName, what);
  }
  if (entry.isEncrypted()) throw entryRefused(entry.fileName, 'is encrypted; pack the archive without a password');
}

async function readEntry(zip: ZipFile, entry: Entry, tree: StagingTree, packedBytes: number): Promise<void> {
  checkKind(entry);
  if (entry.fileName.endsWith('/') || (unixMode(entry) & fileTypeMask) === directory) {
    await tree.addDirectory(entry.fileName);
    return;
  }
  const stream = await zip.openReadStreamPromise(entry);
  // It may fail before anybody reads it, while its file is being made; who reads it then is told all the same.
  stream.on('error', () => undefined);
  try {
    await tree.addFile(entry.fileName, watched(stream, tree, packedBytes), (unixMode(entry) & 0o111) !== 0);
  } finally {
    stream.destroy();
  }
}

async function* watched(stream: AsyncIterable<Buffer>, tree: StagingTree, packedBytes: number): AsyncGenerator<Buffer> {
  for await (const chunk of stream) {
    yield chunk;
    tree.checkRatio(packedBytes);
  }
}

/**
 * Unpacks a .zip into `tree`. yauzl refuses `..`, absolute names, drive letters, backslashes and entries whose size differs from
 * what the directory says; links, duplicates and bombs are refused here and in the tree.
 */
export async function unpackZip(path: string, tree: StagingTree, signal: AbortSignal): Promise<void> {
  const packedBytes = (await stat(path)).size;
  // Loaded with the first archive: an idle platform unpacks none.
  const { openPromise } = await import('yauzl');
  const zip = await openPromise(path, { lazyEntries: true, autoClose: false, strictFileNames: true }).catch((cause) => {
    throw archiveInvalid('the upload is not a readable .zip archive; pack it again', cause);
  });
  try {
    for await (const entry of zip.eachEntry()) {
      signal.throwIfAborted();
      await readEntry(zip, entry, tree, packedBytes);
    }
  } catch (error) {
    if (error instanceof PlatformError) throw error;
    if (signal.aborted) throw signal.reason;
    throw archiveUnreadable('.zip', error);
  } finally {
    zip.close();
  }
}
