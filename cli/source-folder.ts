import { existsSync, readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { create } from 'tar';
import { type Manifest, manifestFile, manifestSchema } from '../shared/manifest.ts';
import { CliError, exitCodes } from './exit-codes.ts';

/** Never part of a bundle: the builder installs dependencies itself. */
const ignoredNames = new Set([
  'node_modules',
  '.git',
  '.hg',
  '.svn',
  '__pycache__',
  '.venv',
  'venv',
  '.DS_Store',
  '.env',
  manifestFile,
]);

interface SourceFolder {
  readonly manifest: Manifest;
  /** gzip-compressed tar; empty when the manifest names an image. */
  readonly archive: Buffer;
  readonly fileCount: number;
}

/** Reads a function's folder: its `hearth.json` and its files, without dependencies, version control and `.env`. */
export async function readSourceFolder(directory: string): Promise<SourceFolder> {
  const manifest = readManifest(directory);
  // The code of an image is in the image; what is in the folder belongs to whoever builds it.
  if (manifest.image !== undefined && manifest.image !== null)
    return { manifest, archive: Buffer.alloc(0), fileCount: 0 };
  const paths = await listFiles(directory, directory);
  if (paths.length === 0)
    throw new CliError(exitCodes.usage, `${directory} has no files to deploy besides ${manifestFile}`);
  const chunks: Buffer[] = [];
  for await (const chunk of create({ gzip: true, cwd: directory, portable: true, follow: false }, paths))
    chunks.push(chunk as Buffer);
  return { manifest, archive: Buffer.concat(chunks), fileCount: paths.length };
}

/** What a deployment is sent as: the configuration, and the files. */
export function uploadForm({ archive }: SourceFolder, config: Partial<Manifest>): FormData {
  const form = new FormData();
  form.set('config', new Blob([JSON.stringify(config)], { type: 'application/json' }), 'config.json');
  form.set('bundle', new Blob([new Uint8Array(archive)], { type: 'application/gzip' }), 'bundle.tar.gz');
  return form;
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
  return content as Manifest;
}

async function listFiles(root: string, directory: string): Promise<string[]> {
  const paths: string[] = [];
  for (const entry of (await readdir(directory, { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (ignoredNames.has(entry.name)) continue;
    const path = join(directory, entry.name);
    if (entry.isDirectory()) paths.push(...(await listFiles(root, path)));
    else if (entry.isFile()) paths.push(relative(root, path).split(sep).join('/'));
    else if (entry.isSymbolicLink())
      throw new CliError(exitCodes.usage, `${path} is a symbolic link; bundles hold plain files only`);
  }
  return paths;
}
