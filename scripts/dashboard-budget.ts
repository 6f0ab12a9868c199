/**
 * `npm run check` runs this: builds the dashboard if it is stale and fails when a page makes a browser load more than its budget. Bytes are
 * those of gzip; what is sent as brotli is smaller.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { buildStale } from './build.ts';

/** What the budget reads of an entry of Vite's manifest: a chunk, what it imports at once, and what it may import later. */
export interface ManifestChunk {
  readonly file: string;
  readonly isEntry?: boolean;
  readonly imports?: readonly string[];
  readonly dynamicImports?: readonly string[];
  readonly css?: readonly string[];
}
export type Manifest = Readonly<Record<string, ManifestChunk>>;

/** A sum of bytes that has a limit. */
export interface Weight {
  readonly what: string;
  readonly bytes: number;
  readonly limit: number;
}

export const budgets = { firstLoad: 200_000, page: 60_000, onDemand: 60_000, editor: 200_000, css: 20_000 } as const;

const editorKey = 'ui/code-mirror.tsx';
/** What a first visit loads beyond the shell: the overview, and the shortcuts that are there on every page. */
const firstKeys = ['pages/overview.tsx', 'components/shortcuts.tsx'] as const;
/** Parts that a page can be used without, and loads when it has nothing else to load or somebody asks for them. */
const onDemandKeys: readonly string[] = ['components/new-function-deploy.tsx', 'components/step-cards.tsx'];
const isPage = (key: string): boolean => key.startsWith('pages/');

/**
 * The weights that have a budget. A page counts with all that it can ever load beyond what every page has: its own chunks, those they import,
 * and what they import later, such as charts. The code editor has a budget of its own, and so have
 * other pages and the parts that are loaded on demand.
 */
export function weightsOf(manifest: Manifest, bytesOf: (file: string) => number): readonly Weight[] {
  const shell = reachable(manifest, entryOf(manifest), () => false, new Set());
  const own = (key: string): ReadonlySet<string> =>
    reachable(manifest, key, (later) => later !== editorKey && !isPage(later) && !onDemandKeys.includes(later), shell);
  const sum = (keys: Iterable<string>): number =>
    [...new Set([...keys].map((key) => chunkOf(manifest, key).file))].reduce((bytes, file) => bytes + bytesOf(file), 0);
  const styles = new Set(Object.values(manifest).flatMap((chunk) => chunk.css ?? []));
  const editor = reachable(manifest, editorKey, () => true, shell);
  return [
    {
      what: 'first load, the overview with its charts',
      bytes: sum([...shell, ...firstKeys.flatMap((key) => [...own(key)])]),
      limit: budgets.firstLoad,
    },
    ...Object.keys(manifest)
      .filter(isPage)
      .map((key) => ({ what: key, bytes: sum(own(key)), limit: budgets.page })),
    ...onDemandKeys.map((key) => ({ what: `on demand, ${key}`, bytes: sum(own(key)), limit: budgets.onDemand })),
    { what: 'the code editor', bytes: sum(editor), limit: budgets.editor },
    { what: 'all styles', bytes: [...styles].reduce((bytes, file) => bytes + bytesOf(file), 0), limit: budgets.css },
  ];
}

function entryOf(manifest: Manifest): string {
  const entry = Object.entries(manifest).find(([, chunk]) => chunk.isEntry === true)?.[0];
  if (entry === undefined) throw new Error('the manifest has no entry');
  return entry;
}

function chunkOf(manifest: Manifest, key: string): ManifestChunk {
  const chunk = manifest[key];
  if (chunk === undefined) throw new Error(`the manifest has no ${key}; the budget names a file that was moved`);
  return chunk;
}

/** The chunk, what it imports, and those of the later imports that are followed, with all of theirs; nothing of what is there already. */
function reachable(
  manifest: Manifest,
  from: string,
  follows: (later: string) => boolean,
  there: ReadonlySet<string>,
): ReadonlySet<string> {
  const found = new Set<string>();
  const visit = (key: string): void => {
    if (found.has(key) || there.has(key)) return;
    found.add(key);
    const chunk = chunkOf(manifest, key);
    for (const next of [...(chunk.imports ?? []), ...(chunk.dynamicImports ?? []).filter(follows)]) visit(next);
  };
  visit(from);
  return found;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await buildStale(['dashboard']);
  const folder = join(import.meta.dirname, '../dist/dashboard');
  const manifest = JSON.parse(readFileSync(join(folder, '.vite/manifest.json'), 'utf8')) as Manifest;
  for (const { what, bytes, limit } of weightsOf(
    manifest,
    (file) => gzipSync(readFileSync(join(folder, file))).length,
  )) {
    const isMet = bytes <= limit;
    console.log(`${isMet ? 'ok  ' : 'OVER'} ${(bytes / 1000).toFixed(1)} of ${limit / 1000} kB: ${what}`);
    if (!isMet) process.exitCode = 1;
  }
}
