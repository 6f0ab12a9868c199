import { PlatformError } from '../../../shared/errors.ts';
import type { WireError } from './protocol.ts';

const retryWhenFullSeconds = 5;
const retryWhenBusySeconds = 1;

/** Result codes as in https://www.sqlite.org/rescode.html, most special first; the first prefix that fits decides. */
const table: readonly (readonly [prefix: string, make: (path: string, cause: Error) => PlatformError])[] = [
  ['SQLITE_FULL', storageFull],
  // The index of the log could not grow: on a file system with room this does not happen.
  ['SQLITE_IOERR_SHMSIZE', storageFull],
  ['SQLITE_IOERR_FSYNC', flushFailed],
  ['SQLITE_IOERR_DIR_FSYNC', flushFailed],
  ['SQLITE_IOERR_CORRUPTFS', storageCorrupt],
  ['SQLITE_IOERR', storageFailed],
  ['SQLITE_CORRUPT', storageCorrupt],
  ['SQLITE_NOTADB', storageCorrupt],
  ['SQLITE_CANTOPEN', notAccessible],
  ['SQLITE_READONLY', notAccessible],
  ['SQLITE_PERM', notAccessible],
  ['SQLITE_AUTH', notAccessible],
  [
    'SQLITE_BUSY',
    (path, cause) =>
      new PlatformError('unavailable', 'storage_busy', `Another program holds a lock on ${path}; close it.`, {
        cause,
        retryAfterSeconds: retryWhenBusySeconds,
      }),
  ],
  [
    'SQLITE_CONSTRAINT_UNIQUE',
    (_path, cause) => new PlatformError('conflict', 'already_exists', 'This exists already.', { cause }),
  ],
  [
    'SQLITE_CONSTRAINT_PRIMARYKEY',
    (_path, cause) => new PlatformError('conflict', 'already_exists', 'This exists already.', { cause }),
  ],
  [
    'SQLITE_CONSTRAINT_FOREIGNKEY',
    (_path, cause) =>
      new PlatformError('not_found', 'function_not_found', 'The function that this belongs to is gone.', { cause }),
  ],
  [
    'SQLITE_CONSTRAINT',
    (_path, cause) => new PlatformError('internal', 'storage_constraint', 'The database refused a value.', { cause }),
  ],
  [
    'SQLITE_TOOBIG',
    (_path, cause) =>
      new PlatformError('payload_too_large', 'value_too_large', 'A value is too large to be stored.', { cause }),
  ],
  [
    'NO_TRANSACTION',
    (_path, cause) => new PlatformError('internal', 'transaction_over', 'The transaction was over already.', { cause }),
  ],
];

function storageFull(path: string, cause: Error): PlatformError {
  return new PlatformError('unavailable', 'storage_full', `The disk of ${path} is full; free space on it.`, {
    cause,
    retryAfterSeconds: retryWhenFullSeconds,
  });
}

function storageFailed(path: string, cause: Error): PlatformError {
  const code = /SQLITE_\w+/.exec(cause.message)?.[0] ?? 'unknown';
  return new PlatformError(
    'unavailable',
    'storage_failed',
    `Reading or writing ${path} failed (${code}); look at the disk and the kernel log (dmesg).`,
    { cause, retryAfterSeconds: retryWhenFullSeconds },
  );
}

function flushFailed(path: string, cause: Error): PlatformError {
  return new PlatformError(
    'unavailable',
    'storage_failed',
    `Flushing ${path} to disk failed, so nothing more is written to it; check the disk, then restart Hearth.`,
    { cause, detail: { isFatal: true } },
  );
}

function storageCorrupt(path: string, cause: Error): PlatformError {
  return new PlatformError(
    'unavailable',
    'storage_corrupt',
    `The database ${path} is damaged or is not a database of Hearth. Stop Hearth, keep a copy of the file with its -wal ` +
      `and -shm files, then restore a backup (docs/backup.md), or save what can be read with: sqlite3 ${path} .recover`,
    { cause },
  );
}

function notAccessible(path: string, cause: Error): PlatformError {
  return new PlatformError(
    'unavailable',
    'storage_failed',
    `Hearth may not write ${path}; give its user write access to the file and its folder.`,
    { cause },
  );
}

/** What an error of the database thread means for a caller. */
export function platformErrorOf(error: WireError, path: string): PlatformError {
  const cause = new Error(`${error.code}: ${error.message}`);
  for (const [prefix, make] of table) {
    if (error.code === prefix || error.code.startsWith(`${prefix}_`)) return make(path, cause);
  }
  return new PlatformError('internal', 'storage_bug', 'The database refused a statement.', { cause });
}

/** After such an error nothing more can be written until the platform is started again. */
export function isFatal(error: PlatformError): boolean {
  return error.detail['isFatal'] === true;
}

/** Another platform uses the data folder. */
export function folderInUse(path: string, holder: string): PlatformError {
  return new PlatformError(
    'conflict',
    'data_folder_in_use',
    `Process ${holder} uses ${path} already. Stop it, or give this Hearth another data folder.`,
  );
}
