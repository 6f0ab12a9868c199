import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { PlatformError } from '../../../shared/errors.ts';
import type { BundleDigest } from '../../../shared/ids.ts';
import type { RuntimeName, VersionConfig } from '../../../shared/version-config.ts';
import { recordFolder } from '../../core/build-record.ts';
import type { BuildWatcher } from '../../core/ports/build-watcher.ts';
import type { BuiltBundle, BundleBuilder, BundleSource } from '../../core/ports/bundle-builder.ts';
import type { BundleStore } from '../../core/ports/bundle-store.ts';
import type { PreparedImage } from '../../core/ports/isolation-driver.ts';
import type { RuntimeAdapter } from '../../core/ports/runtime-adapter.ts';
import type { BuildContext, BuildTools } from './build-context.ts';
import { BuildLog } from './build-log.ts';
import { BuildSlots } from './build-slots.ts';
import { measure } from './directory-size.ts';
import { EsbuildTransformer } from './esbuild-transformer.ts';
import { parseHandler } from './handler-reference.ts';
import { NodeBuild } from './node-build.ts';
import { buildPython } from './python-build.ts';
import { buildFailed, bundleTooLarge } from './refusals.ts';
import { unpackSource } from './unpack.ts';
import { defaultUnpackLimits, type UnpackLimits } from './unpack-limits.ts';

const buildPrefix = 'build-';
/** `validate` looks at files that have no digest yet. */
const unknownDigest = '0'.repeat(64) as BundleDigest;

export interface EsbuildBundleBuilderOptions {
  readonly store: BundleStore;
  readonly adapters: ReadonlyMap<RuntimeName, RuntimeAdapter>;
  /** Installs dependencies and bundles; `SandboxedBuildTools` in production. */
  readonly tools: BuildTools;
  /** Compiles a finished bundle ahead of its instances; true when that gave something. Left out: nothing is. Must not reject. */
  readonly compileAhead?: (image: PreparedImage, runtime: RuntimeName, signal: AbortSignal) => Promise<boolean>;
  /** Scratch space, best on the bundle store's file system. What an earlier run left there is deleted. */
  readonly workDirectory: string;
  readonly limits?: Partial<UnpackLimits>;
  /** More builds wait in order. 2 by default. */
  readonly maxConcurrentBuilds?: number;
  /** A whole build, installation included. 10 minutes by default. */
  readonly maxBuildMs?: number;
}

/** See the port. A build happens in a directory of its own that is gone afterwards, however it ends. */
export class EsbuildBundleBuilder implements BundleBuilder {
  readonly #store: BundleStore;
  readonly #adapters: ReadonlyMap<RuntimeName, RuntimeAdapter>;
  readonly #tools: BuildTools;
  readonly #compileAhead: EsbuildBundleBuilderOptions['compileAhead'];
  readonly #workDirectory: string;
  readonly #limits: UnpackLimits;
  readonly #maxBuildMs: number;
  readonly #slots: BuildSlots;
  readonly #transformer = new EsbuildTransformer();
  readonly #node: NodeBuild;
  #ready: Promise<void> | undefined;

  constructor(options: EsbuildBundleBuilderOptions) {
    this.#store = options.store;
    this.#adapters = options.adapters;
    this.#tools = options.tools;
    this.#compileAhead = options.compileAhead;
    this.#workDirectory = options.workDirectory;
    this.#limits = { ...defaultUnpackLimits, ...options.limits };
    this.#maxBuildMs = options.maxBuildMs ?? 600_000;
    this.#slots = new BuildSlots(options.maxConcurrentBuilds ?? 2);
    this.#node = new NodeBuild({ tools: options.tools, transformer: this.#transformer });
  }

  async build(
    source: BundleSource,
    config: Pick<VersionConfig, 'runtime' | 'handler'>,
    watcher: BuildWatcher,
    signal: AbortSignal,
  ): Promise<BuiltBundle> {
    const log = new BuildLog(watcher);
    const timeout = AbortSignal.timeout(this.#maxBuildMs);
    const either = AbortSignal.any([signal, timeout]);
    try {
      await this.#prepared();
      return await this.#slots.run(either, () => this.#buildIn(source, config, log, either));
    } catch (error) {
      throw this.#explain(error, log, signal, timeout);
    }
  }

  /** Ends esbuild's process. Builds that run are the caller's to abort first. */
  async close(): Promise<void> {
    await this.#transformer.stop();
  }

  #prepared(): Promise<void> {
    this.#ready ??= this.#prepare().catch((error: unknown) => {
      this.#ready = undefined;
      throw error;
    });
    return this.#ready;
  }

  async #prepare(): Promise<void> {
    await mkdir(this.#workDirectory, { recursive: true, mode: 0o711 });
    for (const name of await readdir(this.#workDirectory)) {
      if (name.startsWith(buildPrefix)) await rm(join(this.#workDirectory, name), { recursive: true, force: true });
    }
  }

  async #buildIn(
    source: BundleSource,
    config: Pick<VersionConfig, 'runtime' | 'handler'>,
    log: BuildLog,
    signal: AbortSignal,
  ): Promise<BuiltBundle> {
    const adapter = this.#adapters.get(config.runtime);
    if (adapter === undefined) {
      throw new PlatformError('unprocessable', 'runtime_unavailable', `this platform has no runtime ${config.runtime}`);
    }
    const handler = parseHandler(config.handler, config.runtime);
    log.begin('unpack');
    const buildDirectory = await mkdtemp(join(this.#workDirectory, buildPrefix));
    let context: BuildContext | undefined;
    try {
      const upload = join(buildDirectory, 'upload');
      await mkdir(upload);
      const root = await unpackSource(source, upload, handler.file, this.#limits, signal);
      await rm(join(root, recordFolder), { recursive: true, force: true });
      context = { root, buildDirectory, handler, log, signal };
      if (config.runtime === 'nodejs') await this.#node.run(context);
      else if (config.runtime === 'python') await buildPython(context, this.#tools);
      signal.throwIfAborted();
      log.begin('check');
      await this.#checkSize(root);
      await validate(adapter, root, config.handler);
      signal.throwIfAborted();
      const image = await this.#store.put(root);
      await this.#compile(image, config.runtime, log, signal);
      return { image, log: log.lines };
    } finally {
      if (context !== undefined) await this.#tools.close(context);
      await rm(buildDirectory, { recursive: true, force: true });
    }
  }

  async #compile(image: PreparedImage, runtime: RuntimeName, log: BuildLog, signal: AbortSignal): Promise<void> {
    if (this.#compileAhead === undefined) return;
    log.begin('compile-ahead');
    if (await this.#compileAhead(image, runtime, signal)) log.add('compiled ahead of the first start');
    // It does not reject when it is cut short, as a bundle runs without it too.
    signal.throwIfAborted();
  }

  /** Dependencies count too. */
  async #checkSize(root: string): Promise<void> {
    const { maxBytes, maxFiles } = this.#limits;
    const used = await measure(root, maxBytes, maxFiles);
    if (used.bytes <= maxBytes && used.files <= maxFiles) return;
    throw bundleTooLarge(
      `with its dependencies the bundle has more than ${Math.floor(maxBytes / 1_048_576)} MiB or ${maxFiles} files; use fewer or smaller dependencies`,
    );
  }

  /** Every failure becomes a PlatformError, with the log where there is one. */
  #explain(error: unknown, log: BuildLog, signal: AbortSignal, timeout: AbortSignal): PlatformError {
    const detail = { buildLog: log.lines };
    if (signal.aborted && !(error instanceof PlatformError)) {
      if (signal.reason instanceof PlatformError) return signal.reason;
      return new PlatformError('conflict', 'build_cancelled', 'the build was cancelled; deploy again', { detail });
    }
    if (timeout.aborted && !(error instanceof PlatformError)) {
      return new PlatformError(
        'unprocessable',
        'build_failed',
        `the build took longer than ${this.#maxBuildMs / 1000} s; use fewer dependencies`,
        { detail },
      );
    }
    if (isDiskFull(error)) {
      const message = 'the disk of the data folder is full; free some space, then deploy again';
      return new PlatformError('unavailable', 'storage_full', message, { cause: error, retryAfterSeconds: 30 });
    }
    if (!(error instanceof PlatformError)) {
      return new PlatformError(
        'internal',
        'build_broke',
        'the build failed inside the platform; the log of the platform says why',
        {
          cause: error,
          detail,
        },
      );
    }
    if (error.kind !== 'unprocessable') return error;
    return new PlatformError(error.kind, error.code, error.message, {
      cause: error.cause,
      issues: error.issues,
      detail: { ...error.detail, ...detail },
    });
  }
}

async function validate(adapter: RuntimeAdapter, root: string, handler: string): Promise<void> {
  const issues = await adapter.validate(
    { digest: unknownDigest, directory: root, sizeBytes: 0, fileCount: 0 },
    handler,
  );
  if (issues.length === 0) return;
  throw buildFailed(issues.map((issue) => `${issue.path}: ${issue.message}`).join('; '), issues);
}

function isDiskFull(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'ENOSPC' || code === 'EDQUOT';
}
