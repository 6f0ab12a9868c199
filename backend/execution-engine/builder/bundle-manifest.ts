import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { PlatformError } from '../../../shared/errors.ts';
import type { BundleDigest } from '../../../shared/ids.ts';

const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/);
export const manifestSchema = z.strictObject({
  format: z.literal(1),
  files: z.array(
    z.strictObject({ path: z.string(), sizeBytes: z.number().int(), executable: z.boolean(), sha256: sha256Schema }),
  ),
});
/** What a stored bundle consists of. Its digest is computed from this, so a manifest that was altered betrays itself. */
export type BundleManifest = z.infer<typeof manifestSchema>;
type ManifestFile = BundleManifest['files'][number];

export async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

function compareCodeUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** SHA-256 over `path NUL mode NUL content-hash NL` of every file, sorted by path in UTF-16 code units; modes are 444 and 555. */
export function digestOf(manifest: BundleManifest): BundleDigest {
  const hash = createHash('sha256');
  for (const file of manifest.files) {
    hash.update(`${file.path}\0${file.executable ? '555' : '444'}\0${file.sha256}\n`);
  }
  return hash.digest('hex') as BundleDigest;
}

export function sizeOf(manifest: BundleManifest): number {
  return manifest.files.reduce((sum, file) => sum + file.sizeBytes, 0);
}

/** Lists and hashes what is in `directory`. Links and special files are refused: a bundle is files and folders. */
export async function readManifest(directory: string): Promise<BundleManifest> {
  const files: ManifestFile[] = [];
  const walk = async (prefix: string): Promise<void> => {
    for (const name of await readdir(join(directory, prefix))) {
      const path = prefix === '' ? name : `${prefix}/${name}`;
      const info = await lstat(join(directory, path));
      if (info.isDirectory()) {
        await walk(path);
      } else if (info.isFile()) {
        const sha256 = await hashFile(join(directory, path));
        files.push({ path, sizeBytes: info.size, executable: (info.mode & 0o111) !== 0, sha256 });
      } else {
        throw new PlatformError(
          'invalid_request',
          'bundle_entry_refused',
          `${path} is a link or a device; leave it out`,
        );
      }
    }
  };
  await walk('');
  files.sort((a, b) => compareCodeUnits(a.path, b.path));
  return { format: 1, files };
}
