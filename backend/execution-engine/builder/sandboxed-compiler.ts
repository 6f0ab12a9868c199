import { chmod, chown, copyFile, cp, lstat, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { dirname, extname, join, relative } from 'node:path';
import type { RuntimeName } from '../../../shared/version-config.ts';
import type { PreparedImage } from '../../core/ports/isolation-driver.ts';
import { interpreterMounts, openBuildPlace, stagePrefix } from './build-place.ts';
import { BuildSandbox, buildUserId, type SandboxMount } from './build-sandbox.ts';
import { compileNodeSource, compilePythonSource, compilerOutput } from './compile-sources.ts';
import { reachableCopy } from './reachable-path.ts';

const MiB = 1024 * 1024;
/** Where the agent of Node looks (runtimes/nodejs/guest/compile-cache.ts); Python finds its own beside the sources. */
const nodeFolder = '.hearth-compiled';
/** Smaller files are compiled as fast as their cache is read (docs/performance.md). */
const leastNodeFileBytes = 128 * 1024;
const maxNodeFiles = 32;
/** All sources of a bundle together: below this, importing them takes a few milliseconds. */
const leastPythonBytes = 16 * 1024;
/** What Node writes about the program that compiles, and not about the bundle, is smaller. */
const leastCacheBytes = 4096;
const maxOutput = { bytes: 256 * MiB, files: 50_000 } as const;
const codeDirectory = '/app';

export interface SandboxedCompilerOptions {
  readonly nodePath: string;
  readonly pythonPath: string;
  /** Scratch space, as that of `SandboxedBuildTools`. */
  readonly workDirectory: string;
  readonly bwrapPath?: string;
  /** One compilation; 60 s when left out. */
  readonly maxMs?: number;
}

interface FoundFile {
  readonly path: string;
  readonly bytes: number;
}

/**
 * Compiles bundles without running them, in the sandbox of builds: what it reads is a user's. V8's code cache for large JavaScript files,
 * `.pyc` files for Python.
 */
export class SandboxedCompiler {
  readonly #options: SandboxedCompilerOptions;
  readonly #sandbox: BuildSandbox;
  #base: Promise<string> | undefined;

  constructor(options: SandboxedCompilerOptions) {
    this.#options = options;
    this.#sandbox = new BuildSandbox({
      bwrapPath: options.bwrapPath ?? '/usr/bin/bwrap',
      memoryMb: 1024,
      maxProcesses: 64,
      maxDiskBytes: 2 * maxOutput.bytes,
      maxDiskFiles: 2 * maxOutput.files,
      maxMs: options.maxMs ?? 60_000,
    });
  }

  /**
   * Writes files into `output` that belong over the bundle's; false when there is nothing that pays. Rejects as `BuildSandbox.run`, and when
   * the result is out of bounds.
   */
  async compile(image: PreparedImage, runtime: RuntimeName, output: string, signal: AbortSignal): Promise<boolean> {
    if (runtime === 'nodejs') return await this.#node(image, output, signal);
    if (runtime === 'python') return await this.#python(image, output, signal);
    return false;
  }

  async #node(image: PreparedImage, output: string, signal: AbortSignal): Promise<boolean> {
    const scripts = await find(image.directory, (name) => ['.js', '.mjs', '.cjs'].includes(extname(name)));
    const large = scripts.filter((file) => file.bytes >= leastNodeFileBytes).sort((a, b) => b.bytes - a.bytes);
    if (large.length === 0) return false;
    const files = large.slice(0, maxNodeFiles).map((file) => join(codeDirectory, file.path));
    const node = await reachableCopy(this.#options.nodePath, join(await this.#place(), 'tools'));
    const argv = ['/build/node', '--input-type=module', '-e', compileNodeSource, ...files];
    return await this.#run(
      image,
      [{ hostPath: node, guestPath: '/build/node' }],
      argv,
      signal,
      async (made) => {
        const caches = await find(made, (name) => /^[0-9a-f]{8}$/.test(name));
        // `v24.0.0-x64-964aae3f-1000/1f2e3d4c`; the number at the end is the user's, which is another in every sandbox.
        const useful = caches.filter(({ path, bytes }) => bytes >= leastCacheBytes && /^v[\w.-]+-\d+\/\w+$/.test(path));
        return useful.map(({ path, bytes }) => ({ path, bytes, to: join(nodeFolder, path.replace(/-\d+\//, '/')) }));
      },
      output,
    );
  }

  async #python(image: PreparedImage, output: string, signal: AbortSignal): Promise<boolean> {
    const sources = await find(image.directory, (name) => name.endsWith('.py'));
    if (sources.reduce((sum, file) => sum + file.bytes, 0) < leastPythonBytes) return false;
    const mounts = await interpreterMounts(this.#options.pythonPath, join(await this.#place(), 'tools'));
    const argv = [this.#options.pythonPath, '-I', '-c', compilePythonSource];
    return await this.#run(
      image,
      mounts,
      argv,
      signal,
      async (made) => {
        const top = join(made, codeDirectory);
        const compiled = await find(top, (name) => name.endsWith('.pyc'));
        return compiled.map(({ path, bytes }) => {
          const to = join(dirname(path), '__pycache__', relative(dirname(path), path));
          return { path: join(codeDirectory, path).slice(1), bytes, to };
        });
      },
      output,
    );
  }

  /** Runs `argv` over a copy of the bundle, and copies what `choose` finds in its output. */
  async #run(
    image: PreparedImage,
    mounts: readonly SandboxMount[],
    argv: readonly string[],
    signal: AbortSignal,
    choose: (made: string) => Promise<readonly (FoundFile & { readonly to: string })[]>,
    output: string,
  ): Promise<boolean> {
    const stage = await mkdtemp(join(await this.#place(), stagePrefix));
    try {
      await chmod(stage, 0o711);
      const app = join(stage, 'app');
      const made = join(stage, 'out');
      await cp(image.directory, app, { recursive: true, verbatimSymlinks: true });
      await mkdir(made);
      if (process.getuid?.() === 0) await chown(made, buildUserId, buildUserId);
      await this.#sandbox.run({
        argv,
        mounts: [
          { hostPath: app, guestPath: '/build/app' },
          // The same path as in instances: caches are found by it.
          { hostPath: app, guestPath: codeDirectory },
          { hostPath: made, guestPath: compilerOutput, isWritable: true },
          ...mounts,
        ],
        env: { PATH: '/usr/bin:/bin', HOME: '/tmp', TMPDIR: '/tmp', LANG: 'C.UTF-8' },
        diskDirectory: made,
        onLine: () => undefined,
        signal,
      });
      return await take(made, await choose(made), output);
    } finally {
      await rm(stage, { recursive: true, force: true });
    }
  }

  #place(): Promise<string> {
    this.#base ??= openBuildPlace(this.#options.workDirectory).catch((error: unknown) => {
      this.#base = undefined;
      throw error;
    });
    return this.#base;
  }
}

/** Copies, so that nothing which the sandbox could still hold open becomes a part of a bundle. */
async function take(
  made: string,
  files: readonly (FoundFile & { readonly to: string })[],
  output: string,
): Promise<boolean> {
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  if (bytes > maxOutput.bytes || files.length > maxOutput.files)
    throw new Error(`${files.length} compiled files with ${Math.ceil(bytes / MiB)} MiB are more than is kept`);
  for (const { path, to } of files) {
    const target = join(output, to);
    await mkdir(dirname(target), { recursive: true });
    await copyFile(join(made, path), target);
    await chmod(target, 0o444);
  }
  return files.length > 0;
}

/** Plain files below `directory` whose names `matches` accepts; links are not followed and not listed. */
async function find(directory: string, matches: (name: string) => boolean): Promise<FoundFile[]> {
  const found: FoundFile[] = [];
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    if (!entry.isFile() || !matches(entry.name)) continue;
    const path = join(entry.parentPath, entry.name);
    found.push({ path: relative(directory, path), bytes: (await lstat(path)).size });
  }
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}
