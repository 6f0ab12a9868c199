import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PreparedImage } from '../../../core/ports/isolation-driver.ts';
import type { RuntimePlan } from '../../../core/ports/runtime-adapter.ts';
import { codeEntries } from '../support/guest/code-entries.ts';
import { agentEntries, inputKey, runtimeEntries } from '../support/runtime-files.ts';
import type { TarEntry } from '../support/tar.ts';
import { volumeManifest } from './manifest.ts';
import { maxHostPathBytes, runMkfs } from './mkfs.ts';
import type { NanosRelease } from './nanos-release.ts';

/** Labels of volumes that all unikernels may share. */
export const volumeLabels = { runtime: 'runtime', code: 'app', tmp: 'tmp' } as const;

/** Volumes of runtimes and versions: files named by a hash of what goes into them, made once, never changed, readable for everybody. */
export class VolumeStore {
  readonly #directory: string;
  readonly #making = new Map<string, Promise<string>>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Interpreter, libraries and agent of this host; the path of the volume. */
  async runtime(nanos: NanosRelease, plan: Pick<RuntimePlan, 'runtime' | 'toolchain' | 'agent'>): Promise<string> {
    const key = ['runtime 1', nanos.key, inputKey([...plan.toolchain, plan.agent])];
    return await this.#volume(`nanos-${plan.runtime}-${digestOf(key)}.img`, nanos, volumeLabels.runtime, async () => [
      ...(await runtimeEntries(plan.toolchain, plan.agent)),
      ...agentEntries(plan.agent),
    ]);
  }

  /** A version's files; the path of the volume. */
  async code(nanos: NanosRelease, image: PreparedImage): Promise<string> {
    const name = `nanos-code-${digestOf(['code 1', nanos.key, image.digest])}.img`;
    return await this.#volume(name, nanos, volumeLabels.code, async () => codeEntries(image.directory));
  }

  #volume(
    name: string,
    nanos: NanosRelease,
    label: string,
    entries: () => Promise<readonly TarEntry[]>,
  ): Promise<string> {
    const path = join(this.#directory, name);
    if (existsSync(path)) return Promise.resolve(path);
    let making = this.#making.get(name);
    if (making === undefined) {
      making = this.#make(path, nanos, label, entries);
      this.#making.set(name, making);
      const over = (): void => void this.#making.delete(name);
      making.then(over, over);
    }
    return making;
  }

  async #make(
    path: string,
    nanos: NanosRelease,
    label: string,
    entries: () => Promise<readonly TarEntry[]>,
  ): Promise<string> {
    await mkdir(this.#directory, { recursive: true, mode: 0o755 });
    const draft = `${path}.${randomBytes(6).toString('hex')}`;
    const files = `${draft}.files`;
    try {
      await mkdir(files);
      const manifest = volumeManifest(...(await withPaths(await entries(), files)));
      await runMkfs(manifest, { mkfs: nanos.mkfs, file: draft, label });
      await chmod(draft, 0o444);
      await rename(draft, path);
      return path;
    } finally {
      await rm(files, { recursive: true, force: true });
      await rm(draft, { force: true });
    }
  }
}

/** Where mkfs finds the bytes of each entry: in `files` what is in memory, or at a path that is too long for it. */
async function withPaths(entries: readonly TarEntry[], files: string): Promise<Parameters<typeof volumeManifest>> {
  const paths = new Map<TarEntry, string>();
  for (const [index, entry] of entries.entries()) {
    const place = join(files, String(index));
    if (entry.kind === 'bytes') {
      await writeFile(place, entry.bytes);
      paths.set(entry, place);
    } else if (entry.kind === 'file') {
      const isLong = Buffer.byteLength(entry.hostPath) > maxHostPathBytes;
      if (isLong) await symlink(entry.hostPath, place);
      paths.set(entry, isLong ? place : entry.hostPath);
    }
  }
  return [entries, (entry) => paths.get(entry) ?? ''];
}

function digestOf(parts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part).update('\0');
  return hash.digest('hex').slice(0, 24);
}
