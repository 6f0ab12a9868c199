import { lstat, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, posix, relative } from 'node:path';
import { z } from 'zod';
import type { InstalledPackages } from '../../../shared/api/functions.ts';
import { type BuildRecord, recordPath, sourceFolder } from '../../core/build-record.ts';

/** What is noted down of very many; those that take most. */
const maxItems = 1000;
const maxJsonBytes = 64 * 1024 * 1024;

type Item = InstalledPackages['items'][number];
type SizesByPath = ReadonlyMap<string, number>;

/** npm's own list of what it put into node_modules; what the builder reads of it. */
const lockSchema = z.object({
  packages: z.record(z.string(), z.object({ version: z.string().optional(), link: z.boolean().optional() })),
});
/** esbuild's account of what went into each output; what the builder reads of it. */
const metafileSchema = z.object({
  outputs: z.record(z.string(), z.object({ inputs: z.record(z.string(), z.object({ bytesInOutput: z.number() })) })),
});

/** A tool in the sandbox wrote it, so it is believed only as far as it fits: undefined when it is no file, too large or something else. */
async function readJson<T>(path: string, schema: z.ZodType<T>): Promise<T | undefined> {
  const info = await lstat(path).catch(() => undefined);
  if (info === undefined || !info.isFile() || info.size > maxJsonBytes) return undefined;
  try {
    return schema.safeParse(JSON.parse(await readFile(path, 'utf8'))).data;
  } catch {
    return undefined;
  }
}

/** Bytes of the outputs that come from each input, by its path in the bundle; undefined when esbuild's metafile cannot be read. */
export async function readMetafile(path: string): Promise<SizesByPath | undefined> {
  const metafile = await readJson(path, metafileSchema);
  if (metafile === undefined) return undefined;
  const sizes = new Map<string, number>();
  for (const { inputs } of Object.values(metafile.outputs)) {
    for (const [input, { bytesInOutput }] of Object.entries(inputs))
      sizes.set(input, (sizes.get(input) ?? 0) + bytesInOutput);
  }
  return sizes;
}

/** Sizes of all files below a directory, by their paths in the bundle. Links are not followed. */
async function sizesBelow(directory: string, prefix: string): Promise<SizesByPath> {
  const sizes = new Map<string, number>();
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => [])) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    sizes.set(posix.join(prefix, relative(directory, path)), (await lstat(path)).size);
  }
  return sizes;
}

/** `node_modules/a/node_modules/@b/c` of a file in it; undefined for one that is in no package. */
export function packageOf(path: string): string | undefined {
  return /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(path)?.[0];
}

function collected(installer: 'npm' | 'pip', isBundled: boolean, items: readonly Item[]): InstalledPackages {
  const largest = items.toSorted((a, b) => b.sizeBytes - a.sizeBytes).slice(0, maxItems);
  const byName = (a: Item, b: Item) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
  return { installer, isBundled, items: largest.sort(byName) };
}

/**
 * What npm installed into `modules`, with what of it went into the bundle (`used`), or with its files when they are shipped whole. Null when npm left no
 * list.
 */
export async function npmPackages(modules: string, used: SizesByPath | undefined): Promise<InstalledPackages | null> {
  const lock = await readJson(join(modules, '.package-lock.json'), lockSchema);
  if (lock === undefined) return null;
  const sizes = new Map<string, number>();
  for (const [path, bytes] of used ?? (await sizesBelow(modules, 'node_modules'))) {
    const owner = packageOf(path);
    if (owner !== undefined) sizes.set(owner, (sizes.get(owner) ?? 0) + bytes);
  }
  const items = Object.entries(lock.packages)
    .filter(([path, { link }]) => path.includes('node_modules/') && link !== true)
    .map(([path, { version }]): Item => {
      const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
      return { name, version: version ?? '', sizeBytes: sizes.get(path) ?? 0 };
    });
  return collected('npm', used !== undefined, items);
}

/** What pip installed, by the `RECORD` of each distribution (PyPA, "Recording installed projects"): lines of `path,hash,size`. */
export async function pipPackages(sitePackages: string): Promise<InstalledPackages> {
  const items: Item[] = [];
  for (const entry of await readdir(sitePackages, { withFileTypes: true }).catch(() => [])) {
    const [, name, version] = /^(.+)-([^-]+)\.dist-info$/.exec(entry.name) ?? [];
    if (!entry.isDirectory() || name === undefined || version === undefined) continue;
    items.push({ name, version, sizeBytes: await recordedBytes(join(sitePackages, entry.name, 'RECORD')) });
  }
  return collected('pip', false, items);
}

async function recordedBytes(path: string): Promise<number> {
  const info = await lstat(path).catch(() => undefined);
  if (info === undefined || !info.isFile() || info.size > maxJsonBytes) return 0;
  const sizes = (await readFile(path, 'utf8')).matchAll(/,(\d{1,15})\r?$/gm);
  return [...sizes].reduce((sum, [, bytes]) => sum + Number(bytes), 0);
}

/** Notes down what a build made, and keeps a source whose place was taken. */
export async function writeRecord(
  root: string,
  record: Omit<BuildRecord, 'format'>,
  displaced: { readonly path: string; readonly text: string } | undefined,
): Promise<void> {
  await mkdir(dirname(join(root, recordPath)), { recursive: true });
  await writeFile(join(root, recordPath), JSON.stringify({ format: 1, ...record } satisfies BuildRecord));
  if (displaced === undefined) return;
  const source = join(root, sourceFolder, displaced.path);
  await mkdir(dirname(source), { recursive: true });
  await writeFile(source, displaced.text);
}
