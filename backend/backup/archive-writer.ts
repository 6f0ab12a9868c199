import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { constants, createGzip } from 'node:zlib';
import type { BackupWriter, PreparedBackup, StoreCopy } from '../core/ports/backups.ts';
import type { BundleStore } from '../core/ports/bundle-store.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Store } from '../core/ports/store.ts';
import { type BackupManifest, backupFormat, bundlesName, databaseName, manifestName } from './backup-manifest.ts';

/** What is read of a file at once, so that nothing else waits long for the event loop. */
const readBytes = 64 * 1024;

export interface ArchiveWriterOptions {
  /** Temporary files lie in `<dataDirectory>/.backup`, which needs room for the database once more. */
  readonly dataDirectory: string;
  readonly store: Pick<Store, 'copy'>;
  readonly bundles: Pick<BundleStore, 'open'>;
  /** Version of Hearth. */
  readonly version: string;
  readonly secretsKeyId: () => string;
  readonly clock: Clock;
}

/** Archives as compressed tar: manifest.json, hearth.db, bundles/<digest>/…, in this order. */
export class ArchiveWriter implements BackupWriter {
  readonly #options: ArchiveWriterOptions;
  readonly #directory: string;

  constructor(options: ArchiveWriterOptions) {
    this.#options = options;
    this.#directory = join(options.dataDirectory, '.backup');
  }

  /** Deletes what a platform that was killed during a backup left. */
  async clean(): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true });
  }

  async prepare(): Promise<PreparedBackup> {
    await this.clean();
    try {
      const manifest = await this.#collect();
      const archive = await this.#archive();
      const released = finished(archive)
        .catch(() => {
          // Whoever reads it hears of it; here only the end counts.
        })
        .then(async () => await this.clean())
        .catch(() => {
          // Deleted by the next backup or start.
        });
      const { createdAt, bundles, database } = manifest;
      return { createdAt, databaseBytes: database.sizeBytes, bundleCount: bundles.length, archive, released };
    } catch (error) {
      await this.clean();
      throw error;
    }
  }

  async #collect(): Promise<BackupManifest> {
    const { store, bundles, version, secretsKeyId, clock } = this.#options;
    const place = (name: string): string => join(this.#directory, name);
    await mkdir(place(bundlesName), { recursive: true, mode: 0o700 });
    // Before the copy: it may hold what is written a moment later, never less than what was written by now.
    const createdAt = clock.now();
    const copy: StoreCopy = await store.copy(place(databaseName));
    const digests = [...copy.digests].sort();
    for (const digest of digests) {
      const { directory } = await bundles.open(digest);
      await symlink(directory, place(join(bundlesName, digest)));
    }
    const manifest: BackupManifest = {
      format: backupFormat,
      hearthVersion: version,
      createdAt,
      schema: [...copy.schema],
      secretsKeyId: secretsKeyId(),
      database: await fileFacts(place(databaseName)),
      bundles: digests,
    };
    await writeFile(place(manifestName), `${JSON.stringify(manifest, null, 2)}\n`);
    return manifest;
  }

  async #archive(): Promise<Readable> {
    // Loaded with the first backup: an idle platform makes none.
    const { create } = await import('tar');
    const pack = create(
      // Links are followed: bundles are archived from where they lie. `strict`: a file that is gone or shorter than it was is an error.
      { cwd: this.#directory, follow: true, portable: true, strict: true, maxReadSize: readBytes },
      [manifestName, databaseName, bundlesName],
    );
    const gzip = createGzip({ level: constants.Z_BEST_SPEED });
    pipeline(Readable.from(pack), gzip).catch(() => {
      // The reader of `gzip` hears of it: pipeline destroys it with the error.
    });
    return gzip;
  }
}

/** Size and SHA-256 of a file. */
export async function fileFacts(path: string): Promise<{ readonly sizeBytes: number; readonly sha256: string }> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: readBytes }) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    sizeBytes += chunk.length;
  }
  return { sizeBytes, sha256: hash.digest('hex') };
}
