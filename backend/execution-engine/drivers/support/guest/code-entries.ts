import { readdirSync, readlinkSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { TarEntry } from '../tar.ts';

/** Readable for everybody: the files of a bundle may be for their owner alone on the host. */
export function codeEntries(directory: string): readonly TarEntry[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .map((item): TarEntry | undefined => {
      const hostPath = join(item.parentPath, item.name);
      const path = relative(directory, hostPath);
      if (item.isDirectory()) return { kind: 'directory', path, mode: 0o755 };
      if (item.isSymbolicLink()) return { kind: 'symlink', path, target: readlinkSync(hostPath) };
      if (!item.isFile()) return undefined;
      const { mode, size } = statSync(hostPath);
      return { kind: 'file', path, mode: (mode & 0o111) === 0 ? 0o444 : 0o555, hostPath, sizeBytes: size };
    })
    .filter((entry) => entry !== undefined)
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}
