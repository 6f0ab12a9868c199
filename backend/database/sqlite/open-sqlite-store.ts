import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { PlatformError } from '../../../shared/errors.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Store } from '../../core/ports/store.ts';
import type { Migration } from '../migrations/migration.ts';
import { migrations as allMigrations } from '../migrations/table.ts';
import { SqlStore } from '../sql-store.ts';
import { copyDatabase } from './copy-database.ts';
import type { ThreadOptions } from './protocol.ts';
import { SqliteSession, ThreadsLane } from './sqlite-session.ts';
import { WorkerChannel } from './worker-channel.ts';

/** The part of a logger that the store needs. */
export interface StoreLogger {
  info(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface SqliteStoreOptions {
  /** The database file; its folder is made if it is missing. `<path>.lock` and `<path>.pid` lie beside it. */
  readonly path: string;
  readonly clock: Clock;
  readonly logger: StoreLogger;
  /** Where the database thread's code is; `defaultWorkerUrl` by default. */
  readonly workerUrl?: URL;
  /** Waits so long for company before a flush. 0 (default): only what arrived during the flush before it travels together. */
  readonly groupCommitMaxDelayMs?: number;
  /** Most units in one flush; bounds how long the first of them waits. 1024 by default. */
  readonly maxGroupUnits?: number;
  /** A transaction that is not finished by then is rolled back, because nobody else can write meanwhile. 10 s by default. */
  readonly transactionTimeoutMs?: number;
  /** How long to wait for another program's lock on the file. 5 s by default. */
  readonly busyTimeoutMs?: number;
  /** Nothing can be written any more (a flush failed, or the thread died): the process should end and be started again. */
  readonly onFatal?: (error: PlatformError) => void;
  /** For tests of upgrades; all of them by default. */
  readonly migrations?: readonly Migration[];
}

/** 16 MiB of log between checkpoints: enough that a page that is written again and again is copied back once. */
const walAutoCheckpointPages = 4096;
const writerCacheKib = 16_384;
const readerCacheKib = 8192;

/**
 * Where the thread's code lies: beside this file when it runs from source, and in the bundle (one file) as
 * `sqlite-worker.mjs` beside that.
 */
export function defaultWorkerUrl(moduleUrl: string): URL {
  return new URL(moduleUrl.endsWith('.ts') ? './worker.ts' : './sqlite-worker.mjs', moduleUrl);
}

/**
 * Opens a database for this process alone, with one thread that writes and one that reads. Rejects with
 * `conflict`/`data_folder_in_use` when another platform has it, and with `unavailable` when it cannot be opened.
 * Call `migrate` before anything else.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const { path, clock, logger } = options;
  makeFolder(path);
  const workerUrl = options.workerUrl ?? defaultWorkerUrl(import.meta.url);
  const onFatal = (error: PlatformError): void => {
    logger.error({ err: error, path }, error.message);
    options.onFatal?.(error);
  };
  const open = (role: ThreadOptions['role'], cacheKib: number, file = path, onEnd = onFatal) =>
    WorkerChannel.open({
      workerUrl,
      thread: {
        path: file,
        role,
        cacheKib,
        busyTimeoutMs: options.busyTimeoutMs ?? 5000,
        maxGroupUnits: options.maxGroupUnits ?? 1024,
        groupCommitMaxDelayMs: options.groupCommitMaxDelayMs ?? 0,
        walAutoCheckpointPages,
      },
      onFatal: onEnd,
    });
  const writer = await open('writer', writerCacheKib);
  let reader: WorkerChannel;
  try {
    reader = await open('reader', readerCacheKib);
  } catch (error) {
    await writer.close();
    throw error;
  }
  logger.info({ path }, 'database open');
  const lane = new ThreadsLane({ writer, reader, clock, transactionTimeoutMs: options.transactionTimeoutMs ?? 10_000 });
  return new SqlStore({
    session: new SqliteSession({ lane }),
    clock,
    migrations: options.migrations ?? allMigrations,
    copy: (target) =>
      copyDatabase(path, target, (file) =>
        // The copy fails with its thread; the store does not.
        open('reader', readerCacheKib, file, (error) => logger.error({ err: error, path: file }, error.message)),
      ),
    // The reader first: the last connection to close takes the log into the database file.
    close: async () => {
      await reader.close();
      await writer.close();
    },
  });
}

function makeFolder(path: string): void {
  const folder = dirname(path);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new PlatformError(
      'unavailable',
      'storage_failed',
      `The data folder ${folder} cannot be made; make it, or give Hearth another one.`,
      { cause },
    );
  }
}
