import type { VersionFiles } from './api/functions.ts';

/** Path inside the bundle -> text. */
type Files = Readonly<Record<string, string>>;

const sourceEndings = ['.ts', '.mts', '.cts', '.tsx', '.jsx', '.js', '.mjs', '.cjs'] as const;

/**
 * A build puts `x.mjs` or `x.cjs` with its source map beside the source `x.ts`. Sent back, the old output would be taken for
 * the source: only what somebody wrote is edited and deployed.
 */
function isBuilt(path: string, names: ReadonlySet<string>): boolean {
  const output = path.endsWith('.map') ? path.slice(0, -4) : path;
  const stem = output.match(/^(.*)\.[mc]js$/)?.[1];
  if (stem === undefined || !names.has(`${output}.map`)) return false;
  return sourceEndings.some((ending) => `${stem}${ending}` !== output && names.has(`${stem}${ending}`));
}

/** What somebody wrote of these files, without what a build made and noted down nothing about. */
export function writtenFiles<File extends { readonly path: string }>(files: readonly File[]): readonly File[] {
  const names = new Set(files.map(({ path }) => path));
  return files.filter(({ path }) => !isBuilt(path, names));
}

/** What can be edited of a bundle, and the names of what cannot (binary, or too large to be sent). Without what the build made. */
export function splitFiles(deployed: {
  readonly files: readonly Pick<VersionFiles['files'][number], 'path' | 'text'>[];
}): {
  readonly texts: Files;
  readonly opaque: readonly string[];
} {
  const texts: Record<string, string> = {};
  const opaque: string[] = [];
  for (const file of writtenFiles(deployed.files)) {
    if (file.text === null) opaque.push(file.path);
    else texts[file.path] = file.text;
  }
  return { texts, opaque };
}

/** The names of files that were added, removed or edited. */
export function changedFiles(before: Files, after: Files): ReadonlySet<string> {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return new Set([...names].filter((name) => before[name] !== after[name]));
}

export interface FieldChange {
  readonly key: string;
  readonly before: string;
  readonly after: string;
}

function flatten(value: unknown, prefix: string, into: Map<string, string>): void {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    for (const [key, inner] of Object.entries(value)) flatten(inner, prefix === '' ? key : `${prefix}.${key}`, into);
    return;
  }
  // Values of the environment may be secret: a comparison names them, and says only that they differ.
  into.set(prefix, prefix.startsWith('env.') ? `•••• ${fingerprint(String(value))}` : (JSON.stringify(value) ?? ''));
}

/** FNV-1a, 32 bit: enough to see that two values differ, not enough to learn them. */
function fingerprint(text: string): string {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return (hash >>> 16).toString(16).padStart(4, '0');
}

/** The settings that differ between two configurations, by their dotted names. */
export function changedFields(before: unknown, after: unknown): readonly FieldChange[] {
  const [a, b] = [new Map<string, string>(), new Map<string, string>()];
  flatten(before, '', a);
  flatten(after, '', b);
  const keys = [...new Set([...a.keys(), ...b.keys()])].sort();
  return keys
    .map((key) => ({ key, before: a.get(key) ?? 'not set', after: b.get(key) ?? 'not set' }))
    .filter((change) => change.before !== change.after);
}

export interface LineChange {
  readonly kind: 'same' | 'added' | 'removed';
  readonly text: string;
}

const mostCells = 4_000_000;

/** Lengths of the longest common subsequence of every pair of ends, row by row. */
function commonLengths(a: readonly string[], b: readonly string[]): (i: number, j: number) => number {
  const width = b.length + 1;
  const lengths = new Uint32Array((a.length + 1) * width);
  const at = (i: number, j: number) => lengths[i * width + j] ?? 0;
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      lengths[i * width + j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  return at;
}

const linesOf = (text: string): readonly string[] => (text === '' ? [] : text.replace(/\n$/, '').split('\n'));
const changed = (kind: LineChange['kind'], lines: readonly string[]) =>
  lines.map((text): LineChange => ({ kind, text }));

/** A line diff by the longest common subsequence; files that are too long for that are shown as replaced. */
export function diffLines(before: string, after: string): readonly LineChange[] {
  const [a, b] = [linesOf(before), linesOf(after)];
  if (a.length * b.length > mostCells) return [...changed('removed', a), ...changed('added', b)];
  const common = commonLengths(a, b);
  const changes: LineChange[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    const [old = '', next = ''] = [a[i], b[j]];
    if (old === next) {
      changes.push({ kind: 'same', text: old });
      i++;
      j++;
    } else if (common(i + 1, j) >= common(i, j + 1)) {
      changes.push({ kind: 'removed', text: old });
      i++;
    } else {
      changes.push({ kind: 'added', text: next });
      j++;
    }
  }
  return [...changes, ...changed('removed', a.slice(i)), ...changed('added', b.slice(j))];
}
