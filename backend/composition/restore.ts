import { resolve } from 'node:path';
import { refuseUnfinishedRestore, restoreBackup } from '../backup/restore.ts';
import type { Settings } from '../config/schema.ts';
import type { Logger } from '../core/ports/logger.ts';
import { migrations } from '../database/migrations/table.ts';
import { inspectDatabase } from '../database/sqlite/copy-database.ts';
import { DirectoryBundleStore } from '../execution-engine/builder/directory-bundle-store.ts';

/** Fills the data folder from the backup that the settings name, if they name one, before anything opens it. */
export async function restoreIfAsked(
  settings: Settings,
  dataDirectory: string,
  databasePath: string,
  logger: Logger,
): Promise<void> {
  if (settings.HEARTH_RESTORE_FROM === '') {
    await refuseUnfinishedRestore(dataDirectory, databasePath);
    return;
  }
  const file = resolve(settings.HEARTH_RESTORE_FROM);
  const { createdAt, hearthVersion, bundles, secretsKeyId } = await restoreBackup({
    file,
    dataDirectory,
    databasePath,
    knownSchema: migrations.map(({ name }) => name),
    inspectDatabase,
    openBundles: (directory) => new DirectoryBundleStore({ directory }),
  });
  const facts = { file, hearthVersion, secretsKeyId, bundles: bundles.length, dataDirectory };
  logger.info({ ...facts, createdAt: new Date(createdAt).toISOString() }, 'restored a backup');
}
