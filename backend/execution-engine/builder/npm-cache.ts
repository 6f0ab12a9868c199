import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { chmod, chown, copyFile, link, mkdir, readdir, realpath, rename, rm, stat, utimes } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

const contentFolder = '_cacache/content-v2/sha512';

export interface NpmCacheOptions {
  readonly directory: string;
  readonly maxBytes: number;
}

/**
 * Downloaded packages, shared between builds without trusting any of them. npm's cache stores contents under their SHA-512, and npm
 * asks for a package by the hash that the registry or the lockfile names. So only contents are shared, never npm's index, and a file
 * comes in only after we have hashed it ourselves. A build gets links to read-only files that are not its own.
 */
export class NpmCache {
  readonly #directory: string;
  readonly #maxBytes: number;

  constructor(options: NpmCacheOptions) {
    this.#directory = join(options.directory, 'npm');
    this.#maxBytes = options.maxBytes;
  }

  /** Links what is known into the empty cache directory of a build. `owner` may add to its folders. */
  async lend(buildCache: string, owner: number | undefined): Promise<void> {
    const folders = new Set<string>();
    for (const path of await contents(this.#directory)) {
      const target = join(buildCache, contentFolder, path);
      folders.add(dirname(target));
      await mkdir(dirname(target), { recursive: true });
      // Without another user a build could write through a link.
      const share = owner === undefined ? copyFile : link;
      await share(join(this.#directory, path), target).catch(() => copyFile(join(this.#directory, path), target));
    }
    if (owner === undefined) return;
    for (const folder of folders) {
      for (const above of [folder, dirname(folder)]) await chown(above, owner, owner);
    }
    for (const above of ['_cacache', '_cacache/content-v2', contentFolder]) {
      await chown(join(buildCache, above), owner, owner).catch(() => undefined);
    }
  }

  /** Takes over what a finished build downloaded, after checking it. */
  async adopt(buildCache: string): Promise<void> {
    const root = join(buildCache, contentFolder);
    // A folder on the way may have become a link to anywhere.
    const expected = join(await realpath(dirname(buildCache)), basename(buildCache), contentFolder);
    if ((await realpath(root).catch(() => undefined)) !== expected) return;
    for (const path of await contents(root)) {
      const target = join(this.#directory, path);
      if ((await stat(target).catch(() => undefined)) !== undefined) {
        const now = new Date();
        await utimes(target, now, now);
        continue;
      }
      const incoming = `${target}.incoming`;
      await mkdir(dirname(target), { recursive: true });
      // A copy, and the hash of the copy: the build's own file could change after it was checked.
      await copyFile(join(root, path), incoming);
      if ((await sha512(incoming)) !== path.replaceAll('/', '')) {
        await rm(incoming, { force: true });
        continue;
      }
      await chmod(incoming, 0o444);
      await rename(incoming, target);
    }
    await this.#trim();
  }

  async #trim(): Promise<void> {
    const files = [];
    for (const path of await contents(this.#directory)) {
      const info = await stat(join(this.#directory, path));
      files.push({ path, bytes: info.size, usedAt: info.mtimeMs });
    }
    files.sort((a, b) => b.usedAt - a.usedAt);
    let bytes = 0;
    for (const file of files) {
      bytes += file.bytes;
      if (bytes > this.#maxBytes) await rm(join(this.#directory, file.path), { force: true });
    }
  }
}

/** Regular files `ab/cd/<124 hex digits>`; anything else is not contents. */
async function contents(root: string): Promise<readonly string[]> {
  const found: string[] = [];
  const entries = await readdir(root, { recursive: true, withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name).slice(root.length + 1);
    if (entry.isFile() && /^[0-9a-f]{2}\/[0-9a-f]{2}\/[0-9a-f]{124}$/.test(path)) found.push(path);
  }
  return found;
}

async function sha512(path: string): Promise<string> {
  const hash = createHash('sha512');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
