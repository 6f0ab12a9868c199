import type { Readable } from 'node:stream';
import type { BundleDigest } from '../../../shared/ids.ts';

/** A backup whose parts are copied and checked, about to be sent. */
export interface PreparedBackup {
  /** Clock.now milliseconds: the state that it holds. */
  readonly createdAt: number;
  readonly databaseBytes: number;
  readonly bundleCount: number;
  /** A compressed tar archive. Read it to its end or destroy it: until then the copy of the database takes up space. */
  readonly archive: Readable;
  /** Resolves when `archive` is over, however it ended, and its temporary files are gone. Never rejects. */
  readonly released: Promise<void>;
}

/** Makes archives of everything durable but the key of secrets, while the platform runs. */
export interface BackupWriter {
  /**
   * Copies one state of the database and checks every bundle that it names. One at a time, and with pruning of bundles held off until
   * `released`. Rejects with `unavailable`/`storage_full` when there is no room for the copy, and with what the bundle store says about damage.
   */
  prepare(): Promise<PreparedBackup>;
}

/** What a copy of the store holds. */
export interface StoreCopy {
  /** Names of the migrations that ran. */
  readonly schema: readonly string[];
  /** Of all bundles that its versions name. */
  readonly digests: ReadonlySet<BundleDigest>;
}
