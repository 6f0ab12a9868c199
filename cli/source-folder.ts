import { existsSync, readFileSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { create } from 'tar';
import { type Manifest, manifestFile, manifestSchema } from '../shared/manifest.ts';
import { CliError, exitCodes } from './exit-codes.ts';
import { type LeftOutBy, LeftOutRules, looksSecret } from './left-out.ts';
import { printable, type Terminal } from './terminal.ts';

/** A file of a bundle, with `/` between the parts of its path. */
interface SourceFile {
  readonly path: string;
  readonly sizeBytes: number;
}

export interface SourceFolder {
  readonly manifest: Manifest;
  /** gzip-compressed tar; empty when the manifest names an image. */
  readonly archive: Buffer;
  readonly files: readonly SourceFile[];
  /** What is in the folder and not in the bundle; a folder stands for all that is in it. */
  readonly leftOut: readonly { readonly path: string; readonly by: LeftOutBy }[];
}

/** Reads a function's folder: its `hearth.json` and its files, without what docs/cli.md says is left out. */
export async function readSourceFolder(directory: string): Promise<SourceFolder> {
  const manifest = readManifest(directory);
  // The code of an image is in the image; what is in the folder belongs to whoever builds it.
  if (manifest.image !== undefined && manifest.image !== null)
    return { manifest, archive: Buffer.alloc(0), files: [], leftOut: [] };
  const files: SourceFile[] = [];
  const leftOut: { path: string; by: LeftOutBy }[] = [];
  await listFiles({ root: directory, rules: new LeftOutRules(directory), files, leftOut }, directory);
  if (files.length === 0)
    throw new CliError(exitCodes.usage, `${directory} has no files to deploy besides ${manifestFile}`, {
      ...(leftOut.length < 2
        ? {}
        : { hint: `Left out: ${leftOut.map(({ path, by }) => `${path} (${by})`).join(', ')}` }),
    });
  const chunks: Buffer[] = [];
  const paths = files.map((file) => file.path);
  for await (const chunk of create({ gzip: true, cwd: directory, portable: true, follow: false }, paths))
    chunks.push(chunk as Buffer);
  return { manifest, archive: Buffer.concat(chunks), files, leftOut };
}

/** Says which files are called as files with secrets are; they are uploaded all the same. */
export function warnOfSecrets({ files }: Pick<SourceFolder, 'files'>, terminal: Terminal): void {
  const found = files.filter((file) => looksSecret(file.path)).map((file) => file.path);
  if (found.length === 0) return;
  terminal.say(
    terminal.style(
      'yellow',
      `warning: ${printable(found.join(', '))} may be secret and will be part of the version; name it in .hearthignore, and see \`hearth secrets\``,
    ),
  );
}

/** What a deployment is sent as: the configuration, and the files. */
export function uploadForm({ archive }: SourceFolder, config: Partial<Manifest>): FormData {
  const form = new FormData();
  form.set('config', new Blob([JSON.stringify(config)], { type: 'application/json' }), 'config.json');
  form.set('bundle', new Blob([new Uint8Array(archive)], { type: 'application/gzip' }), 'bundle.tar.gz');
  return form;
}

/** What belongs to the function as a whole is not part of a version. */
export function versionPart(manifest: Manifest): Partial<Manifest> {
  const { name: _name, description: _description, tags: _tags, ...version } = manifest;
  return version;
}

/** What a draft has of a deployment. */
export function draftConfig(manifest: Manifest): Partial<Manifest> {
  const {
    routes: _routes,
    schedules: _schedules,
    message: _message,
    promote: _promote,
    ...config
  } = versionPart(manifest);
  return config;
}

function readManifest(directory: string): Manifest {
  const path = join(directory, manifestFile);
  if (!existsSync(path)) {
    throw new CliError(exitCodes.usage, `there is no ${manifestFile} in ${directory}`, {
      hint: 'Start with `hearth init`, or name the folder: hearth deploy path/to/function',
    });
  }
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new CliError(
      exitCodes.usage,
      `${path} is not JSON: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  const parsed = manifestSchema.safeParse(content);
  if (!parsed.success) {
    const issues = parsed.error.issues
      .map((issue) => `\n  ${issue.path.join('.') || '(top level)'}: ${issue.message}`)
      .join('');
    throw new CliError(exitCodes.usage, `${path} has mistakes:${issues}`);
  }
  // The schema fills in defaults of schedules; what was written goes to the platform, which has the last word.
  const { $schema: _schema, ...manifest } = content as Manifest;
  return manifest;
}

interface Listing {
  readonly root: string;
  readonly rules: LeftOutRules;
  readonly files: SourceFile[];
  readonly leftOut: { path: string; by: LeftOutBy }[];
}

async function listFiles(listing: Listing, directory: string): Promise<void> {
  const { root, rules, files, leftOut } = listing;
  rules.enter(directory);
  for (const entry of (await readdir(directory, { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(directory, entry.name);
    const inBundle = relative(root, path).split(sep).join('/');
    const by = rules.leftOutBy(path, entry.name, entry.isDirectory());
    if (by !== undefined) leftOut.push({ path: entry.isDirectory() ? `${inBundle}/` : inBundle, by });
    else if (entry.isDirectory()) await listFiles(listing, path);
    else if (entry.isFile()) files.push({ path: inBundle, sizeBytes: (await stat(path)).size });
    else if (entry.isSymbolicLink())
      throw new CliError(exitCodes.usage, `${path} is a symbolic link; bundles hold plain files only`, {
        hint: 'Name it in .hearthignore to leave it out.',
      });
  }
}
