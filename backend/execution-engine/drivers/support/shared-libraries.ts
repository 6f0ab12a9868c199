import { execFile } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { PlatformError } from '../../../../shared/errors.ts';

const run = promisify(execFile);

/** A library: the file, and where programs in the sandbox look for it. */
export interface LibraryPlace {
  readonly hostPath: string;
  readonly guestPath: string;
}

/** What native modules in bundles expect to find beside the interpreter's own libraries (the base of manylinux, PEP 599). */
const expectedByModules = [
  'libc.so.6',
  'libm.so.6',
  'libdl.so.2',
  'libpthread.so.0',
  'librt.so.1',
  'libutil.so.1',
  'libresolv.so.2',
  'libnss_files.so.2',
  'libnss_dns.so.2',
  'libstdc++.so.6',
  'libgcc_s.so.1',
  'libz.so.1',
];
const systemDirectories = /^\/(usr\/)?(lib|lib64|lib32)(\/|$)/;

/**
 * Shared libraries that these programs and modules load, transitively, as ldd(1) tells, and the few that native modules expect. Only files
 * that the operator chose may be given: ldd runs their loader.
 */
export async function findSharedLibraries(files: readonly string[]): Promise<readonly LibraryPlace[]> {
  const paths = new Set<string>();
  // Many files at once: argument lists have a limit.
  for (let start = 0; start < files.length; start += 200) {
    for (const path of parseLdd(await runLdd(files.slice(start, start + 200)))) paths.add(path);
  }
  const libc = [...paths].find((path) => basename(path) === 'libc.so.6');
  const home = libc === undefined ? undefined : realpathSync(dirname(libc));
  if (home !== undefined) {
    for (const name of expectedByModules) if (existsSync(join(home, name))) paths.add(join(home, name));
  }
  return [...paths].map((path) => ({ hostPath: realpathSync(path), guestPath: guestPathOf(path, home) }));
}

/** Lines are `name => /path (0x…)` or `/path/of/the/loader (0x…)`; the kernel's own vdso has no path. */
export function parseLdd(output: string): readonly string[] {
  const paths: string[] = [];
  for (const line of output.split('\n')) {
    const path = /(?:=>\s+|^\s+)(\/\S.*?)\s+\(0x[0-9a-f]+\)$/.exec(line)?.[1];
    if (path !== undefined) paths.push(path);
  }
  return paths;
}

/** A library from an unusual place (an interpreter in a home directory) goes beside libc, where the loader finds it by name. */
function guestPathOf(path: string, home: string | undefined): string {
  const directory = realpathSync(dirname(path));
  const place = systemDirectories.test(directory) || home === undefined ? directory : home;
  return join(place, basename(path));
}

async function runLdd(files: readonly string[]): Promise<string> {
  if (files.length === 0) return '';
  try {
    const { stdout } = await run('ldd', [...files], { env: { PATH: '/usr/bin:/bin' }, maxBuffer: 16 * 1024 * 1024 });
    return stdout;
  } catch (error) {
    // It also fails when one of the files is static or a script, and has told about the others then.
    const stdout = error instanceof Error && 'stdout' in error ? String(error.stdout) : '';
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      const message = 'ldd is not installed; install the C library tools (apt-get install libc-bin)';
      throw new PlatformError('unavailable', 'ldd_missing', message, { cause: error });
    }
    return stdout;
  }
}
