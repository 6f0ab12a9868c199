/** One line of a tree of files: a folder, which exists because files are in it, or a file. */
export interface TreeRow {
  /** Inside the bundle; of a folder without a slash at its end. */
  readonly path: string;
  readonly name: string;
  readonly isFolder: boolean;
  readonly isOpen: boolean;
  /** From 1. */
  readonly level: number;
  /** Among its siblings, from 1. */
  readonly position: number;
  readonly siblings: number;
}

interface Folder {
  readonly folders: Map<string, Folder>;
  readonly files: string[];
}

const emptyFolder = (): Folder => ({ folders: new Map(), files: [] });
const byName = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const joined = (parent: string, name: string): string => (parent === '' ? name : `${parent}/${name}`);

/** The folder in which a path is; empty for the top. */
export function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

/** Whether the path is that folder, or something in it. */
export function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}

/** The path of a file or folder once it is in another folder (empty: the top); undefined when it is there already, or would be inside itself. */
export function movedTo(path: string, folder: string): string | undefined {
  if (isWithin(folder, path) || folderOf(path) === folder) return undefined;
  return joined(folder, path.slice(path.lastIndexOf('/') + 1));
}

/** The lines that show: folders before files, by name; what is in a closed folder does not show. */
export function treeRows(paths: Iterable<string>, closed: ReadonlySet<string>): readonly TreeRow[] {
  const top = emptyFolder();
  for (const path of paths) {
    const parts = path.split('/');
    const file = parts.pop() ?? '';
    let folder = top;
    for (const part of parts) {
      const next = folder.folders.get(part) ?? emptyFolder();
      folder.folders.set(part, next);
      folder = next;
    }
    folder.files.push(file);
  }
  return rowsOf(top, '', 1, closed);
}

function rowsOf(folder: Folder, parent: string, level: number, closed: ReadonlySet<string>): readonly TreeRow[] {
  const folders = [...folder.folders].sort(([a], [b]) => byName(a, b));
  const files = folder.files.toSorted(byName);
  const siblings = folders.length + files.length;
  const row = (name: string, isFolder: boolean, index: number): TreeRow => {
    const path = joined(parent, name);
    return { path, name, isFolder, isOpen: isFolder && !closed.has(path), level, position: index + 1, siblings };
  };
  return [
    ...folders.flatMap(([name, inner], index) => {
      const own = row(name, true, index);
      return own.isOpen ? [own, ...rowsOf(inner, own.path, level + 1, closed)] : [own];
    }),
    ...files.map((name, index) => row(name, false, folders.length + index)),
  ];
}

/** What a key does in a tree. `open` and `close` are of folders; `choose` opens a file, and a folder the other way round. */
export interface TreeMove {
  readonly kind: 'go' | 'open' | 'close' | 'choose';
  readonly paths: readonly string[];
}

const go = (row: TreeRow | undefined): TreeMove | undefined =>
  row === undefined ? undefined : { kind: 'go', paths: [row.path] };

/** The keys of the ARIA authoring practices for trees, letters left out; undefined: the key does nothing here. */
export function moveOf(rows: readonly TreeRow[], active: string, key: string): TreeMove | undefined {
  const at = rows.findIndex(({ path }) => path === active);
  const row = rows[at];
  if (row === undefined) return undefined;
  switch (key) {
    case 'ArrowDown':
      return go(rows[at + 1]);
    case 'ArrowUp':
      return go(rows[at - 1]);
    case 'Home':
      return go(rows[0]);
    case 'End':
      return go(rows.at(-1));
    case 'ArrowRight':
      if (!row.isFolder) return undefined;
      return row.isOpen ? go(rows[at + 1]) : { kind: 'open', paths: [row.path] };
    case 'ArrowLeft':
      if (row.isOpen) return { kind: 'close', paths: [row.path] };
      return go(rows.find(({ path }) => path === folderOf(row.path)));
    case '*': {
      const beside = rows.filter((other) => other.isFolder && folderOf(other.path) === folderOf(row.path));
      return { kind: 'open', paths: beside.map(({ path }) => path) };
    }
    case 'Enter':
    case ' ':
      return { kind: 'choose', paths: [row.path] };
    default:
      return undefined;
  }
}

/** The next line whose name begins with what was typed: after `active`, or from it on when there are several letters. Goes round. */
export function typedTo(rows: readonly TreeRow[], active: string, typed: string): TreeRow | undefined {
  const at = Math.max(
    0,
    rows.findIndex(({ path }) => path === active),
  );
  const first = typed.length > 1 ? at : at + 1;
  const inTurn = [...rows.slice(first), ...rows.slice(0, first)];
  return inTurn.find(({ name }) => name.toLowerCase().startsWith(typed.toLowerCase()));
}

/** The files of a record that are `path` or in it, and all others. */
export function partedAt<T>(
  files: Readonly<Record<string, T>>,
  path: string,
): { readonly within: Readonly<Record<string, T>>; readonly others: Readonly<Record<string, T>> } {
  const entries = Object.entries(files);
  return {
    within: Object.fromEntries(entries.filter(([name]) => isWithin(name, path))),
    others: Object.fromEntries(entries.filter(([name]) => !isWithin(name, path))),
  };
}

/** The files with `from`, a file or a folder with all that is in it, at `to`. */
export function renamed<T>(files: Readonly<Record<string, T>>, from: string, to: string): Readonly<Record<string, T>> {
  return Object.fromEntries(
    Object.entries(files).map(([name, file]) => [isWithin(name, from) ? to + name.slice(from.length) : name, file]),
  );
}
