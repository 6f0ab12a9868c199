import { z } from 'zod';
import { installedPackagesSchema } from '../../shared/api/functions.ts';

/** The folder of a bundle that is the platform's own. What is uploaded in it is left out. */
export const recordFolder = '.hearth';
export const recordPath = `${recordFolder}/build.json`;
/** Holds sources that a build had to take out of their place. */
export const sourceFolder = `${recordFolder}/source`;

/** What a build notes down in the bundle about itself, when it installed packages. */
const buildRecordSchema = z.strictObject({
  format: z.literal(1),
  /** Files, and with a slash at their end folders, that the build made and nobody uploaded. */
  made: z.array(z.string()),
  packages: installedPackagesSchema.nullable(),
});
export type BuildRecord = z.infer<typeof buildRecordSchema>;

/** Undefined when the text is none, such as that of a file of somebody's own from before there were records. */
export function parseBuildRecord(text: string | null | undefined): BuildRecord | undefined {
  if (text === null || text === undefined) return undefined;
  try {
    return buildRecordSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** The path at which a file of the bundle was uploaded; undefined for what the build made. */
export function uploadedPath(record: BuildRecord, path: string): string | undefined {
  if (path.startsWith(`${sourceFolder}/`)) return path.slice(sourceFolder.length + 1);
  const isMade = record.made.some((made) => (made.endsWith('/') ? path.startsWith(made) : path === made));
  return isMade || path.startsWith(`${recordFolder}/`) ? undefined : path;
}
