import { z } from 'zod';
import { PlatformError } from '../../shared/errors.ts';

const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/);

/** The newest format of archives that this version writes and reads. */
export const backupFormat = 1;
export const manifestName = 'manifest.json';
export const databaseName = 'hearth.db';
export const bundlesName = 'bundles';

const backupManifestSchema = z.strictObject({
  format: z.literal(backupFormat),
  hearthVersion: z.string(),
  /** Milliseconds since 1970. */
  createdAt: z.number().int(),
  /** Names of the migrations that the database has seen. */
  schema: z.array(z.string()),
  /** Which key-encryption key the secrets inside need; the key is not in the archive. */
  secretsKeyId: z.string(),
  database: z.strictObject({ sizeBytes: z.number().int(), sha256: sha256Schema }),
  /** Digests of the bundles: each is a hash of paths, modes and contents. */
  bundles: z.array(sha256Schema),
});
/** First entry of an archive: what is in it, and what must be true of it. */
export type BackupManifest = z.infer<typeof backupManifestSchema>;

/** Throws `unprocessable`/`backup_corrupt`, or `unavailable`/`schema_too_new` for an archive of a later format. */
export function parseBackupManifest(text: string): BackupManifest {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    throw backupCorrupt(`${manifestName} is not JSON`, error);
  }
  const { format } = z.object({ format: z.number() }).safeParse(content).data ?? {};
  if (format !== undefined && format > backupFormat) {
    throw new PlatformError(
      'unavailable',
      'schema_too_new',
      `The backup has format ${format}, this Hearth reads up to ${backupFormat}. Restore it with the version that made it (docs/backup.md).`,
    );
  }
  const parsed = backupManifestSchema.safeParse(content);
  if (!parsed.success) throw backupCorrupt(`${manifestName}: ${parsed.error.issues[0]?.message ?? 'bad value'}`);
  return parsed.data;
}

export function backupCorrupt(what: string, cause?: unknown): PlatformError {
  return new PlatformError(
    'unprocessable',
    'backup_corrupt',
    `The backup cannot be restored: ${what}. Nothing was changed; take another backup file (docs/backup.md).`,
    { cause },
  );
}
