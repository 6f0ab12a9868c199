import type { TarEntry } from '../support/tar.ts';

/** A directory as Nanos's mkfs reads it: names to directories, and to the tuples that stand for files and links. */
type Directory = Map<string, Directory | string>;

/** What the kernel is told in the boot volume (src/unix/exec.c, src/kernel/storage.c of Nanos). */
export interface BootManifest {
  readonly program: string;
  readonly arguments: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Labels of volumes, and the directories of the boot volume where they appear. */
  readonly mounts: readonly { readonly label: string; readonly path: string; readonly readOnly: boolean }[];
  /** Symbolic links at the top, into the volumes. */
  readonly links: Readonly<Record<string, string>>;
}

/** Where the kernel itself has files. */
const kernelPlaces = ['dev', 'proc', 'sys'];

/** Text in double quotes, with backslashes before what would end it (src/runtime/tuple_parser.c). */
export function quoted(text: string): string {
  if (text.includes('\0')) throw new Error('a manifest has no words with NUL');
  return `"${text.replaceAll(/["\\]/g, '\\$&')}"`;
}

/** The manifest of a volume with these entries; `pathOf` says where the bytes of a file are on the host. */
export function volumeManifest(
  entries: readonly TarEntry[],
  pathOf: (entry: Extract<TarEntry, { kind: 'file' | 'bytes' }>) => string,
): string {
  const root: Directory = new Map();
  for (const entry of entries) {
    if (entry.kind === 'stream') throw new Error('a stream cannot be part of a volume');
    const names = entry.path.split('/').filter((name) => name !== '');
    if (entry.kind === 'directory') {
      directoryAt(root, names);
      continue;
    }
    const tuple =
      entry.kind === 'symlink' ? `(linktarget:${quoted(entry.target)})` : `(contents:(host:${quoted(pathOf(entry))}))`;
    directoryAt(root, names.slice(0, -1)).set(names.at(-1) ?? '', tuple);
  }
  return tupleOf(root);
}

/** The manifest of the volume that the kernel boots from: no files of its own but places for the others. */
export function bootManifest(boot: BootManifest): string {
  const places = [...kernelPlaces, ...boot.mounts.map(({ path }) => path.replace('/', '')), ...Object.keys(boot.links)];
  const children = places.map((name) => {
    const target = boot.links[name];
    return `${quoted(name)}:${target === undefined ? '(children:())' : `(linktarget:${quoted(target)})`}`;
  });
  const environment = Object.entries(boot.environment).map(([name, value]) => `${quoted(name)}:${quoted(value)}`);
  const mounts = boot.mounts.map(({ label, path, readOnly }) => `${label}:${quoted(readOnly ? `${path}:ro` : path)}`);
  return [
    `(children:(${children.join(' ')})`,
    `program:${quoted(boot.program)}`,
    `arguments:[${boot.arguments.map(quoted).join(' ')}]`,
    `environment:(${environment.join(' ')})`,
    `mounts:(${mounts.join(' ')})`,
    // The exit status leaves by QEMU's device for that; nothing can write to the volume that names the program.
    'debug_exit:t readonly_rootfs:t)',
  ].join('\n');
}

function directoryAt(root: Directory, names: readonly string[]): Directory {
  let directory = root;
  for (const name of names) {
    const there = directory.get(name);
    const next: Directory = there === undefined || typeof there === 'string' ? new Map() : there;
    directory.set(name, next);
    directory = next;
  }
  return directory;
}

function tupleOf(directory: Directory): string {
  const parts = [...directory].map(([name, child]) => {
    return `${quoted(name)}:${typeof child === 'string' ? child : tupleOf(child)}`;
  });
  return `(children:(${parts.join('\n')}))`;
}
