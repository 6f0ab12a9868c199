import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export interface PackageFacts {
  /** The folder with package.json, whether Hearth runs from its sources or from dist/. */
  readonly root: string;
  readonly version: string;
}

/** Finds the package that this file belongs to by walking up from `from`. */
export function findPackage(from: string): PackageFacts {
  for (let folder = from; ; folder = dirname(folder)) {
    const path = join(folder, 'package.json');
    if (existsSync(path)) {
      const { name, version } = JSON.parse(readFileSync(path, 'utf8')) as {
        readonly name?: string;
        readonly version?: string;
      };
      if (name === 'hearth') return { root: folder, version: version ?? '0.0.0' };
    }
    if (dirname(folder) === folder) throw new Error(`package.json of hearth was not found above ${from}`);
  }
}
