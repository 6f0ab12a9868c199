import { readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { SandboxMount } from './build-sandbox.ts';
import { firstReachableDirectory, reachableCopy } from './reachable-path.ts';
import { buildUnavailable } from './refusals.ts';

/** Directories that one build's sandbox sees begin with this. */
export const stagePrefix = 'stage-';
const leftoverAfterMs = 3_600_000;

/** A directory that the user of builds can reach, `workDirectory` if it is one; what earlier runs left there is deleted. Rejects with `build_unavailable`. */
export async function openBuildPlace(workDirectory: string): Promise<string> {
  const suffix = `hearth-build-${process.getuid?.() ?? 0}`;
  const candidates = [workDirectory, '/var/lib/hearth/build', join(tmpdir(), suffix)];
  const base = await firstReachableDirectory(candidates);
  if (base === undefined) {
    throw buildUnavailable(
      `no directory for builds can be reached by another user; make ${workDirectory} searchable (chmod o+x on it and the folders above)`,
    );
  }
  // Another platform may share the temporary directory: only what is there for an hour is a leftover.
  for (const name of await readdir(base)) {
    const info = name.startsWith(stagePrefix) ? await stat(join(base, name)).catch(() => undefined) : undefined;
    if (info !== undefined && Date.now() - info.mtimeMs > leftoverAfterMs)
      await rm(join(base, name), { recursive: true, force: true });
  }
  return base;
}

/** What a sandbox needs to run this interpreter: nothing below /usr, which it has; else everything below its prefix, copied below `directory` if need be. */
export async function interpreterMounts(pythonPath: string, directory: string): Promise<readonly SandboxMount[]> {
  if (pythonPath.startsWith('/usr/')) return [];
  const prefix = dirname(dirname(pythonPath));
  return [{ hostPath: await reachableCopy(prefix, directory), guestPath: prefix }];
}
