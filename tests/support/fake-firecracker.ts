import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Faults } from '../fixtures/firecracker/main.ts';

const program = join(import.meta.dirname, '../fixtures/firecracker/main.ts');
/** Unpacked root images are big; all tests share them. */
const cacheDirectory = join(tmpdir(), 'hearth-fake-firecracker');

/** Programs that behave as Firecracker and its jailer do, in a directory of their own below `directory`. */
export function installFakeFirecracker(
  directory: string,
  faults: Omit<Faults, 'cacheDirectory'> = {},
): { readonly firecrackerPath: string; readonly jailerPath: string } {
  mkdirSync(cacheDirectory, { recursive: true });
  // Every user that a jail gives its Firecracker unpacks there.
  chmodSync(cacheDirectory, 0o1777);
  const place = mkdtempSync(join(directory, 'programs-'));
  const install = (name: string): string => {
    const path = join(place, name);
    const words = [process.execPath, program, name, JSON.stringify({ ...faults, cacheDirectory })];
    writeFileSync(path, `#!/bin/sh\nexec ${words.map((word) => `'${word}'`).join(' ')} "$@"\n`, { mode: 0o755 });
    return path;
  };
  return { firecrackerPath: install('firecracker'), jailerPath: install('jailer') };
}
