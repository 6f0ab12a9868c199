import { chmod, cp, lstat, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { PlatformError } from '../../../shared/errors.ts';
import type { BundleDigest } from '../../../shared/ids.ts';
import type { BundleFile, BundleStore } from '../../core/ports/bundle-store.ts';
import type { PreparedImage } from '../../core/ports/isolation-driver.ts';
import { syncDirectoryTree, syncPath } from '../../util/durability.ts';
import { type BundleManifest, digestOf, hashFile, manifestSchema, readManifest, sizeOf } from './bundle-manifest.ts';

/** Directories in a store that are not bundles yet; a start deletes them. */
export const incomingPrefix = '.incoming-';
const digestPattern = /^[0-9a-f]{64}$/;
const maxTextBytes = 256 * 1024;

export interface DirectoryBundleStoreOptions {
  /** For example `data/bundles`; made when it is not there. Readable by the sandboxes' uids, writable by the platform alone. */
  readonly directory: string;
}

/** Bundles as directories `<digest>/files` beside `<digest>/manifest.json`; written aside, synced, then renamed into place. */
export class DirectoryBundleStore implements BundleStore {
  readonly #directory: string;
  /** Bundles whose every byte was compared with the manifest since this process started. */
  readonly #verified = new Set<BundleDigest>();
  #ready: Promise<void> | undefined;

  constructor(options: DirectoryBundleStoreOptions) {
    this.#directory = options.directory;
  }

  /** Makes the directory and deletes what a crash left half-written. Called by the first use; call it at start to fail early. */
  start(): Promise<void> {
    this.#ready ??= this.#prepare().catch((error: unknown) => {
      this.#ready = undefined;
      throw error;
    });
    return this.#ready;
  }

  async put(directory: string): Promise<PreparedImage> {
    await this.start();
    const manifest = await readManifest(directory);
    if (manifest.files.length === 0) {
      throw new PlatformError(
        'invalid_request',
        'bundle_empty',
        'the bundle has no files; upload at least the handler',
      );
    }
    const digest = digestOf(manifest);
    if (await this.#isIntact(digest)) {
      await rm(directory, { recursive: true, force: true });
      return this.#image(digest, manifest);
    }
    const incoming = await mkdtemp(join(this.#directory, incomingPrefix));
    try {
      await this.#write(incoming, directory, manifest);
      await this.#publish(incoming, digest);
    } finally {
      await rm(incoming, { recursive: true, force: true });
    }
    this.#verified.add(digest);
    return this.#image(digest, manifest);
  }

  async open(digest: BundleDigest): Promise<PreparedImage> {
    await this.start();
    const manifest = await this.#manifest(digest);
    await this.#verify(digest, manifest);
    return this.#image(digest, manifest);
  }

  async files(digest: BundleDigest, wants: (path: string) => boolean = () => true): Promise<readonly BundleFile[]> {
    try {
      return await this.#list(digest, wants);
    } catch (error) {
      // It went away while it was read, as it does with its function.
      if ((await lstat(join(this.#directory, digest)).catch(() => undefined)) === undefined) throw gone(digest, error);
      throw error;
    }
  }

  async #list(digest: BundleDigest, wants: (path: string) => boolean): Promise<readonly BundleFile[]> {
    const image = await this.open(digest);
    const manifest = await this.#manifest(digest);
    const decoder = new TextDecoder('utf-8', { fatal: true });
    const listed: BundleFile[] = [];
    for (const { path, sizeBytes, sha256, executable } of manifest.files) {
      if (!wants(path)) continue;
      const bytes = sizeBytes <= maxTextBytes ? await readFile(join(image.directory, path)) : undefined;
      listed.push({
        path,
        sizeBytes,
        sha256,
        executable,
        text: bytes === undefined ? null : decodeText(decoder, bytes),
      });
    }
    return listed;
  }

  async prune(keep: ReadonlySet<BundleDigest>): Promise<number> {
    await this.start();
    let count = 0;
    for (const name of await readdir(this.#directory)) {
      if (!digestPattern.test(name) || keep.has(name as BundleDigest)) continue;
      await this.#discard(name as BundleDigest);
      count++;
    }
    return count;
  }

  async #prepare(): Promise<void> {
    await mkdir(this.#directory, { recursive: true, mode: 0o755 });
    for (const name of await readdir(this.#directory)) {
      if (name.startsWith(incomingPrefix)) await rm(join(this.#directory, name), { recursive: true, force: true });
    }
  }

  #image(digest: BundleDigest, manifest: BundleManifest): PreparedImage {
    return {
      digest,
      directory: join(this.#directory, digest, 'files'),
      sizeBytes: sizeOf(manifest),
      fileCount: manifest.files.length,
    };
  }

  async #write(incoming: string, source: string, manifest: BundleManifest): Promise<void> {
    const files = join(incoming, 'files');
    try {
      await rename(source, files);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error;
      await cp(source, files, { recursive: true });
      await rm(source, { recursive: true, force: true });
    }
    await chmod(incoming, 0o755);
    const folders = new Set<string>(['.']);
    for (const file of manifest.files) {
      await chmod(join(files, file.path), file.executable ? 0o555 : 0o444);
      for (let folder = dirname(file.path); !folders.has(folder); folder = dirname(folder)) folders.add(folder);
    }
    for (const folder of folders) await chmod(join(files, folder), 0o755);
    await syncDirectoryTree(
      files,
      manifest.files.map((file) => file.path),
      folders,
    );
    const manifestPath = join(incoming, 'manifest.json');
    await writeFile(manifestPath, JSON.stringify(manifest), { mode: 0o444, flag: 'wx' });
    await syncPath(manifestPath);
    await syncPath(incoming);
  }

  /** The rename is the moment in which the bundle exists. Someone who was faster with the same digest wrote the same bytes. */
  async #publish(incoming: string, digest: BundleDigest): Promise<void> {
    try {
      await rename(incoming, join(this.#directory, digest));
    } catch (error) {
      if (!['EEXIST', 'ENOTEMPTY'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
      if (await this.#isIntact(digest)) return;
      await this.#discard(digest);
      await rename(incoming, join(this.#directory, digest));
    }
    await syncPath(this.#directory);
  }

  /** Renames first, so that a bundle is whole or absent while it is being deleted too. */
  async #discard(digest: BundleDigest): Promise<void> {
    this.#verified.delete(digest);
    const doomed = join(this.#directory, `${incomingPrefix}${digest}-${process.hrtime.bigint()}`);
    await rename(join(this.#directory, digest), doomed);
    await rm(doomed, { recursive: true, force: true });
  }

  async #isIntact(digest: BundleDigest): Promise<boolean> {
    try {
      await this.open(digest);
      return true;
    } catch (error) {
      if (error instanceof PlatformError) return false;
      throw error;
    }
  }

  async #manifest(digest: BundleDigest): Promise<BundleManifest> {
    if (!digestPattern.test(digest)) throw new PlatformError('not_found', 'bundle_not_found', 'no such bundle');
    const directory = join(this.#directory, digest);
    const text = await readFile(join(directory, 'manifest.json'), 'utf8').catch(
      async (error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
        if (await lstat(directory).catch(() => undefined)) throw corrupt(digest, 'its manifest.json is missing', error);
        throw gone(digest, error);
      },
    );
    const manifest = parseManifest(digest, text);
    if (digestOf(manifest) !== digest) throw corrupt(digest, 'its manifest does not match its digest');
    return manifest;
  }

  async #verify(digest: BundleDigest, manifest: BundleManifest): Promise<void> {
    const isKnown = this.#verified.has(digest);
    const files = join(this.#directory, digest, 'files');
    for (const file of manifest.files) {
      const path = join(files, file.path);
      const info = await lstat(path).catch(() => undefined);
      if (info === undefined || !info.isFile()) throw corrupt(digest, `${file.path} is missing`);
      if (info.size !== file.sizeBytes) throw corrupt(digest, `${file.path} has another size`);
      if (!isKnown && (await hashFile(path)) !== file.sha256) throw corrupt(digest, `${file.path} has other contents`);
    }
    this.#verified.add(digest);
  }
}

function gone(digest: BundleDigest, cause: unknown): PlatformError {
  return new PlatformError(
    'not_found',
    'bundle_not_found',
    `bundle ${digest} is not in the bundle store; deploy this version again, or restore a backup (docs/backup.md)`,
    { cause },
  );
}

function parseManifest(digest: BundleDigest, text: string): BundleManifest {
  try {
    return manifestSchema.parse(JSON.parse(text));
  } catch (error) {
    throw corrupt(digest, 'its manifest.json cannot be read', error);
  }
}

function corrupt(digest: BundleDigest, what: string, cause?: unknown): PlatformError {
  return new PlatformError(
    'internal',
    'bundle_corrupt',
    `bundle ${digest} is damaged on disk: ${what}; deploy this version again, or restore a backup (docs/backup.md)`,
    { cause },
  );
}

function decodeText(decoder: InstanceType<typeof TextDecoder>, bytes: Buffer): string | null {
  if (bytes.includes(0)) return null;
  try {
    return decoder.decode(bytes);
  } catch {
    return null;
  }
}
