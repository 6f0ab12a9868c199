import { once } from 'node:events';
import { constants, createReadStream } from 'node:fs';
import { access, chmod, copyFile, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import type { Unpack } from 'tar';
import { PlatformError } from '../../shared/errors.ts';
import type { BundleDigest } from '../../shared/ids.ts';
import type { StoreCopy } from '../core/ports/backups.ts';
import type { BundleStore } from '../core/ports/bundle-store.ts';
import { syncPath } from '../util/durability.ts';
import { exists } from '../util/exists.ts';
import { fileFacts } from './archive-writer.ts';
import {
  type BackupManifest,
  backupCorrupt,
  bundlesName,
  databaseName,
  manifestName,
  parseBackupManifest,
} from './backup-manifest.ts';

export interface RestoreOptions {
  /** The archive. */
  readonly file: string;
  readonly dataDirectory: string;
  readonly databasePath: string;
  /** Names of the migrations that this version knows. */
  readonly knownSchema: readonly string[];
  /** Checks a database file that nobody uses, and says what it holds; throws when it is damaged. */
  readonly inspectDatabase: (path: string) => StoreCopy;
  /** A bundle store in another folder. */
  readonly openBundles: (directory: string) => Pick<BundleStore, 'put'>;
}

const allowedEntry = /^(manifest\.json|hearth\.db|bundles(\/[0-9a-f]{64}(\/.*)?)?)\/?$/s;
/** What may lie in a data folder before a restore: keys and tokens are put there by hand, and come in no backup. */
const keptNames: ReadonlySet<string> = new Set(['secrets.key', 'admin-token', 'lost+found']);
const unfinishedName = '.restoring';

/**
 * Fills an empty data folder from an archive, before anything opens it. Everything is unpacked and checked aside, then renamed into place, the
 * database last: a restore that is interrupted at any moment has not happened, and `refuseUnfinishedRestore` says so. Rejects with
 * `conflict`/`data_folder_not_empty`, `unprocessable`/`backup_corrupt`, `invalid_request`/`backup_unreadable`, `unavailable`/`schema_too_new`.
 */
export async function restoreBackup(options: RestoreOptions): Promise<BackupManifest> {
  const { file, dataDirectory, databasePath } = options;
  await access(file, constants.R_OK).catch((error: unknown) => {
    throw new PlatformError('invalid_request', 'backup_unreadable', `The backup ${file} cannot be read.`, {
      cause: error,
    });
  });
  const aside = join(dataDirectory, unfinishedName);
  await discardUnfinished(options, aside);
  await refuseNonEmpty(dataDirectory, databasePath);
  await mkdir(aside, { mode: 0o700 });
  try {
    const manifest = await checkedContents(options, aside);
    await rename(join(aside, 'store'), join(dataDirectory, bundlesName));
    await syncPath(dataDirectory);
    await moveDatabase(join(aside, databaseName), databasePath);
    await rm(aside, { recursive: true, force: true });
    return manifest;
  } catch (error) {
    await discardUnfinished(options, aside);
    throw storageError(error);
  }
}

/**
 * Throws `unavailable`/`restore_unfinished` when a restore into this folder was interrupted: starting would make a new, empty installation. One that only had its
 * temporary files left to delete is finished.
 */
export async function refuseUnfinishedRestore(dataDirectory: string, databasePath: string): Promise<void> {
  const aside = join(dataDirectory, unfinishedName);
  if (!(await exists(aside))) return;
  if (await exists(databasePath)) {
    await rm(aside, { recursive: true, force: true });
    return;
  }
  throw new PlatformError(
    'unavailable',
    'restore_unfinished',
    `A restore into ${dataDirectory} was interrupted. Start once more with HEARTH_RESTORE_FROM, or empty the folder (docs/backup.md).`,
  );
}

/** Without a database, whatever lies here is of a restore that did not reach its end. */
async function discardUnfinished({ dataDirectory, databasePath }: RestoreOptions, aside: string): Promise<void> {
  if (!(await exists(aside)) || (await exists(databasePath))) return;
  await rm(join(dataDirectory, bundlesName), { recursive: true, force: true });
  await rm(aside, { recursive: true, force: true });
}

async function refuseNonEmpty(dataDirectory: string, databasePath: string): Promise<void> {
  const inTheWay = (await readdir(dataDirectory)).filter((name) => !keptNames.has(name));
  if (await exists(databasePath)) inTheWay.push(databasePath);
  if (inTheWay.length === 0) return;
  throw new PlatformError(
    'conflict',
    'data_folder_not_empty',
    `${dataDirectory} is not empty (${inTheWay.slice(0, 3).join(', ')}). Restore into an empty folder; after a restore, start without HEARTH_RESTORE_FROM (docs/backup.md).`,
  );
}

async function checkedContents(options: RestoreOptions, aside: string): Promise<BackupManifest> {
  const unpacked = join(aside, 'unpacked');
  await mkdir(unpacked, { mode: 0o700 });
  await unpack(options.file, unpacked);
  const text = await readFile(join(unpacked, manifestName), 'utf8').catch((error: unknown) => {
    throw backupCorrupt(`it has no ${manifestName}, so it is no backup of Hearth or is cut off`, error);
  });
  const manifest = parseBackupManifest(text);
  refuseUnknownSchema(manifest.schema, options.knownSchema);
  await checkDatabase(options, join(unpacked, databaseName), manifest);
  await takeBundles(options, unpacked, join(aside, 'store'), manifest.bundles);
  await chmod(join(unpacked, databaseName), 0o600);
  await rename(join(unpacked, databaseName), join(aside, databaseName));
  return manifest;
}

async function unpack(file: string, directory: string): Promise<void> {
  const refused: string[] = [];
  const { extract } = await import('tar');
  const sink = extract({
    cwd: directory,
    strict: true,
    preserveOwner: false,
    chmod: true,
    processUmask: 0,
    filter: (path, entry) => {
      const type = 'type' in entry ? entry.type : '';
      const isFine = allowedEntry.test(path) && ['File', 'OldFile', 'Directory'].includes(type);
      if (!isFine) refused.push(path);
      return isFine;
    },
  });
  try {
    await feed(file, sink);
  } catch (error) {
    if (isDiskError(error)) throw error;
    throw backupCorrupt(
      `${basename(file)} is cut off or damaged (${error instanceof Error ? error.message : error})`,
      error,
    );
  }
  if (refused.length > 0) throw backupCorrupt(`it holds ${refused[0]}, which no backup has`);
}

/**
 * Reads to the very end of the file, where gzip's checksum is: the archive inside is over earlier, and a pipeline may then be content.
 * Rejects with the first error of either side.
 */
async function feed(file: string, sink: Unpack): Promise<void> {
  const over = new Promise<void>((done, reject) => {
    sink.on('close', () => done());
    sink.on('error', reject);
  });
  const fed = async (): Promise<void> => {
    const content = createGunzip();
    const read = pipeline(createReadStream(file), content);
    read.catch(() => {
      // Whoever iterates over `content` hears of it.
    });
    for await (const chunk of content as AsyncIterable<Buffer>) {
      if (!sink.write(chunk)) await once(sink, 'drain');
    }
    await read;
    sink.end();
  };
  await Promise.all([fed(), over]);
}

function refuseUnknownSchema(schema: readonly string[], known: readonly string[]): void {
  const unknown = schema.filter((name) => !known.includes(name));
  if (unknown.length === 0) return;
  throw new PlatformError(
    'unavailable',
    'schema_too_new',
    `The backup was made by a newer Hearth (its database knows ${unknown.join(', ')}). Restore it with that version (docs/backup.md).`,
    { detail: { unknown } },
  );
}

async function checkDatabase(options: RestoreOptions, path: string, manifest: BackupManifest): Promise<void> {
  if (!(await exists(path))) throw backupCorrupt('its database is missing');
  const { sizeBytes, sha256 } = await fileFacts(path);
  if (sizeBytes !== manifest.database.sizeBytes || sha256 !== manifest.database.sha256) {
    throw backupCorrupt('its database is not the one that its manifest describes');
  }
  let holds: StoreCopy;
  try {
    holds = options.inspectDatabase(path);
  } catch (error) {
    throw backupCorrupt('its database is damaged', error);
  }
  if (!sameMembers(holds.schema, manifest.schema)) throw backupCorrupt('its database has another schema than it says');
  if (!sameMembers([...holds.digests], manifest.bundles)) throw backupCorrupt('its versions name other bundles');
}

/** Putting a bundle reads and hashes every byte of it, and leaves it on disk. */
async function takeBundles(
  { openBundles }: RestoreOptions,
  unpacked: string,
  target: string,
  digests: readonly string[],
): Promise<void> {
  await mkdir(target, { mode: 0o755 });
  const bundles = openBundles(target);
  const present = await readdir(join(unpacked, bundlesName)).catch((): string[] => []);
  const missing = digests.find((digest) => !present.includes(digest));
  if (missing !== undefined) throw backupCorrupt(`bundle ${missing} is missing`);
  if (present.length !== digests.length) throw backupCorrupt('it holds bundles that its manifest does not name');
  for (const digest of digests as readonly BundleDigest[]) {
    const image = await bundles.put(join(unpacked, bundlesName, digest)).catch((error: unknown) => {
      if (isDiskError(error)) throw error;
      throw backupCorrupt(`bundle ${digest} is damaged`, error);
    });
    if (image.digest !== digest) throw backupCorrupt(`bundle ${digest} has other contents`);
  }
}

/** The rename is the moment in which the restore has happened. */
async function moveDatabase(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true, mode: 0o700 });
  const beside = `${to}.restoring`;
  // The database may lie on another file system than the data folder.
  await rename(from, beside).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EXDEV') throw error;
    await copyFile(from, beside);
  });
  await syncPath(beside);
  await rename(beside, to);
  await syncPath(dirname(to));
}

function sameMembers(a: readonly string[], b: readonly string[]): boolean {
  return JSON.stringify([...a].sort()) === JSON.stringify([...b].sort());
}

function isDiskError(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT', 'EIO', 'EROFS', 'EACCES', 'EPERM'].includes(
    (error as NodeJS.ErrnoException | undefined)?.code ?? '',
  );
}

function storageError(error: unknown): unknown {
  if (!isDiskError(error)) return error;
  const { code } = error as NodeJS.ErrnoException;
  const isFull = code === 'ENOSPC' || code === 'EDQUOT';
  const message = `The backup could not be unpacked (${code}); nothing was restored. Look at the disk of the data folder.`;
  return new PlatformError('unavailable', isFull ? 'storage_full' : 'storage_failed', message, { cause: error });
}
