import { copyFile, link, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import type { BundleDigest } from '../../../shared/ids.ts';
import type { RuntimeName } from '../../../shared/version-config.ts';
import type { BundleStore, RunnableBundles } from '../../core/ports/bundle-store.ts';
import type { PreparedImage } from '../../core/ports/isolation-driver.ts';
import type { Logger } from '../../core/ports/logger.ts';
import { DirectoryBundleStore, incomingPrefix } from './directory-bundle-store.ts';

/** Part of the name of what is kept: another number when the way of compiling changes. */
const revision = 1;
const digestPattern = /^[0-9a-f]{64}$/;
/** What a hard link refuses for; a copy does as well. */
const copyInstead = new Set(['EXDEV', 'EPERM', 'EMLINK', 'ENOTSUP', 'EOPNOTSUPP']);

export interface AheadCompiler {
  /** See `SandboxedCompiler.compile`. */
  compile(image: PreparedImage, runtime: RuntimeName, output: string, signal: AbortSignal): Promise<boolean>;
}

export interface CompiledBundleStoreOptions {
  readonly source: BundleStore;
  /** For example `data/compiled`, best on the file system of the bundles. All in it can be made again. */
  readonly directory: string;
  readonly compiler: AheadCompiler;
  /** Of the runtime that instances get; undefined when it has none that compiles ahead. Asked once. */
  readonly versionOf: (runtime: RuntimeName) => Promise<string | undefined>;
  readonly logger: Logger;
}

/**
 * Bundles as they were built, and beside them images that also hold what their runtime compiled ahead: the bundle's files (linked, not copied) and the
 * caches, content-addressed like a bundle. A bundle keeps its own digest. Which image belongs to a bundle is in `index/`, by bundle and version of
 * the runtime: after an update of the runtime instances start without, and the caches are made again beside them.
 */
export class CompiledBundleStore implements BundleStore, RunnableBundles {
  readonly #options: CompiledBundleStoreOptions;
  readonly #images: DirectoryBundleStore;
  readonly #keys = new Map<RuntimeName, Promise<string | undefined>>();
  /** What was compiled, or found not to pay, since this process started. */
  readonly #settled = new Set<string>();
  readonly #listeners: ((digest: BundleDigest) => void)[] = [];
  readonly #closing = new AbortController();
  #making = 0;
  #pruning: Promise<void> | undefined;
  /** Compilations after a start of the platform happen one after the other. */
  #queue: Promise<void> = Promise.resolve();

  constructor(options: CompiledBundleStoreOptions) {
    this.#options = options;
    this.#images = new DirectoryBundleStore({ directory: options.directory });
  }

  put(directory: string): Promise<PreparedImage> {
    return this.#options.source.put(directory);
  }

  open(digest: BundleDigest): Promise<PreparedImage> {
    return this.#options.source.open(digest);
  }

  files(...args: Parameters<BundleStore['files']>): ReturnType<BundleStore['files']> {
    return this.#options.source.files(...args);
  }

  async prune(keep: ReadonlySet<BundleDigest>): Promise<number> {
    // Else the next prune does it.
    if (this.#making === 0) {
      this.#pruning = this.#pruneImages(keep).catch((error: unknown) => {
        this.#options.logger.warn({ err: error }, 'could not prune compiled bundles');
      });
      await this.#pruning;
    }
    return await this.#options.source.prune(keep);
  }

  onCompiled(listener: (digest: BundleDigest) => void): void {
    this.#listeners.push(listener);
  }

  async openToRun(digest: BundleDigest, runtime: RuntimeName): Promise<PreparedImage> {
    const key = await this.#keyOf(digest, runtime);
    if (key === undefined) return await this.open(digest);
    const compiled = await this.#find(key);
    if (compiled !== undefined) return compiled;
    const image = await this.open(digest);
    if (!this.#settled.has(key)) {
      this.#queue = this.#queue.then(async () => {
        if (!(await this.compile(image, runtime, this.#closing.signal))) return;
        for (const listener of this.#listeners) listener(digest);
      });
    }
    return image;
  }

  /** True when there is now an image with what was compiled. Never rejects: without one the bundle runs as well, only starting slower. */
  async compile(image: PreparedImage, runtime: RuntimeName, signal: AbortSignal): Promise<boolean> {
    try {
      const key = await this.#keyOf(image.digest, runtime);
      if (key === undefined) return false;
      this.#settled.add(key);
      if ((await this.#find(key)) !== undefined) return true;
      return await this.#make(key, image, runtime, signal);
    } catch (error) {
      if (!signal.aborted)
        this.#options.logger.warn({ err: error, bundle: image.digest }, 'could not compile a bundle ahead');
      return false;
    }
  }

  /** Stops compiling; what is half made is gone when it resolves. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#queue;
  }

  async #make(key: string, image: PreparedImage, runtime: RuntimeName, signal: AbortSignal): Promise<boolean> {
    // Until its entry is in the index, a prune would take what is made here.
    await this.#pruning;
    this.#making++;
    try {
      return await this.#makeImage(key, image, runtime, signal);
    } finally {
      this.#making--;
    }
  }

  async #makeImage(key: string, image: PreparedImage, runtime: RuntimeName, signal: AbortSignal): Promise<boolean> {
    await this.#images.start();
    const tree = await mkdtemp(join(this.#options.directory, incomingPrefix));
    try {
      if (!(await this.#options.compiler.compile(image, runtime, tree, signal))) return false;
      await linkBeside(image.directory, tree);
      const { digest } = await this.#images.put(tree);
      await mkdir(this.#index(), { recursive: true });
      const entry = join(this.#index(), key);
      await writeFile(`${entry}.new`, digest);
      await rename(`${entry}.new`, entry);
      return true;
    } finally {
      await rm(tree, { recursive: true, force: true });
    }
  }

  async #find(key: string): Promise<PreparedImage | undefined> {
    const digest = await readFile(join(this.#index(), key), 'utf8').catch(() => '');
    if (!digestPattern.test(digest)) return undefined;
    return await this.#images.open(digest as BundleDigest).catch((error: unknown) => {
      this.#options.logger.warn({ err: error }, 'a compiled bundle cannot be used; compiling it again');
      return undefined;
    });
  }

  async #keyOf(digest: BundleDigest, runtime: RuntimeName): Promise<string | undefined> {
    let version = this.#keys.get(runtime);
    if (version === undefined) {
      version = this.#options.versionOf(runtime);
      this.#keys.set(runtime, version);
    }
    const known = await version;
    return known === undefined ? undefined : `${digest}-${runtime}-${known}-${process.arch}-${revision}`;
  }

  /** Forgets images of bundles that go, and those for other versions of a runtime. */
  async #pruneImages(keep: ReadonlySet<BundleDigest>): Promise<void> {
    const used = new Set<BundleDigest>();
    for (const name of await readdir(this.#index()).catch(() => [])) {
      const bundle = name.slice(0, 64) as BundleDigest;
      const runtime = name.slice(65).split('-', 1)[0] as RuntimeName;
      const isWanted = keep.has(bundle) && name === (await this.#keyOf(bundle, runtime));
      if (isWanted) {
        used.add((await readFile(join(this.#index(), name), 'utf8')) as BundleDigest);
        continue;
      }
      await rm(join(this.#index(), name), { force: true });
      this.#settled.delete(name);
      for (const listener of this.#listeners) listener(bundle);
    }
    await this.#images.prune(used);
  }

  #index(): string {
    return join(this.#options.directory, 'index');
  }
}

/** Links every file below `from` to where nothing is below `to`. */
async function linkBeside(from: string, to: string): Promise<void> {
  for (const entry of await readdir(from, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const target = join(to, relative(from, path));
    await mkdir(dirname(target), { recursive: true });
    await link(path, target).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') return;
      if (!copyInstead.has(error.code ?? '')) throw error;
      await copyFile(path, target);
    });
  }
}
