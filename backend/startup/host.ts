import { existsSync, mkdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { PlatformError } from '../../shared/errors.ts';
import type { Settings } from '../config/schema.ts';

/** Makes the data folder if it is missing; rejects with one line that names the setting. */
export function makeDataDirectory(settings: Settings): string {
  const directory = resolve(settings.HEARTH_DATA_DIR);
  try {
    makeFolders(directory);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new PlatformError(
      'unavailable',
      'data_folder',
      `cannot make the data folder: ${reason}; set HEARTH_DATA_DIR to a folder that can be written`,
      { cause: error },
    );
  }
  return directory;
}

/** Folder by folder: Node's own recursive mkdir never ends below /proc, where making a folder fails with ENOENT. */
function makeFolders(directory: string): void {
  if (existsSync(directory)) {
    if (!statSync(directory).isDirectory()) throw new Error(`${directory} is not a folder`);
    return;
  }
  if (dirname(directory) !== directory) makeFolders(dirname(directory));
  mkdirSync(directory, { mode: 0o700 });
}

/** The `python3` that functions run on; the distribution's own before others on `searchPath`. */
export function findPython(settings: Settings, searchPath: string): string {
  if (settings.HEARTH_PYTHON_PATH !== '') return settings.HEARTH_PYTHON_PATH;
  const folders = ['/usr/bin', ...searchPath.split(':')];
  return folders.map((folder) => join(folder, 'python3')).find((path) => existsSync(path)) ?? '/usr/bin/python3';
}

/** A folder of an npm package that is served as files, or undefined where it is not installed. */
export function packageDirectory(name: string): string | undefined {
  try {
    return dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
  } catch {
    return undefined;
  }
}
