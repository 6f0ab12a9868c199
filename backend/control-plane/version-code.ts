import type { BuildStepName } from '../../shared/api/builds.ts';
import { PlatformError } from '../../shared/errors.ts';
import type { BundleDigest } from '../../shared/ids.ts';
import type { VersionConfig } from '../../shared/version-config.ts';
import type { BuildWatcher } from '../core/ports/build-watcher.ts';
import type { BundleBuilder, BundleSource } from '../core/ports/bundle-builder.ts';
import type { BundleStore } from '../core/ports/bundle-store.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { BuildOutcome, MetricsSink } from '../core/ports/metrics-sink.ts';
import type { VersionRecord } from '../core/ports/store.ts';
import type { VersionImages } from './version-images.ts';

export interface VersionCodeOptions {
  readonly builder: BundleBuilder;
  readonly bundles: Pick<BundleStore, 'open'>;
  readonly images: Pick<VersionImages, 'resolve'>;
  readonly clock: Clock;
  readonly metrics: Pick<MetricsSink, 'record'>;
}

interface Bundle {
  readonly digest: BundleDigest;
  readonly sizeBytes: number;
  readonly fileCount: number;
}

/** What a version runs, and its configuration with what was found out meanwhile. */
export interface Code {
  readonly bundle: Bundle;
  readonly config: VersionConfig;
}

export interface CodeRequest {
  /** Undefined when the caller sent no code. */
  readonly source: BundleSource | undefined;
  /** Whose bundle is used again without a source. */
  readonly latest: VersionRecord | undefined;
  readonly config: VersionConfig;
}

const maxBuildLogLines = 2000;

/** Finds or makes what a version or a draft runs. Only behind the `BundleGate`: nothing names a new bundle yet. */
export class VersionCode {
  readonly #options: VersionCodeOptions;

  constructor(options: VersionCodeOptions) {
    this.#options = options;
  }

  /**
   * The image that the configuration names, a bundle that is built now, or the one of the version before. Rejects with `invalid_request`
   * (`code_missing`, `image_with_code`), `unprocessable`/`build_failed` with detail {buildLog}, and as `VersionImages.resolve`.
   */
  async make(
    name: string,
    { source, latest, config }: CodeRequest,
    watcher: BuildWatcher,
    signal: AbortSignal,
  ): Promise<Code & { readonly log: readonly string[] }> {
    const { image } = config;
    if (image !== null) {
      if (source !== undefined) throw imageWithCode();
      watcher.step('image');
      const resolved = await this.#options.images.resolve(name, { ...config, image }, signal);
      for (const line of resolved.log) watcher.line(line);
      return resolved;
    }
    const made =
      source === undefined
        ? await this.#reuse(latest, config, watcher)
        : await this.#build(source, config, watcher, signal);
    return { ...made, config };
  }

  async #build(source: BundleSource, config: VersionConfig, watcher: BuildWatcher, signal: AbortSignal) {
    const { builder, clock, metrics } = this.#options;
    // Waiting for its turn is not part of it.
    let startedAt: number | undefined;
    const step = (name: BuildStepName): void => {
      startedAt ??= clock.monotonic();
      watcher.step(name);
    };
    let outcome: BuildOutcome = 'failure';
    try {
      const built = await builder.build(source, config, { step, line: (text) => watcher.line(text) }, signal);
      outcome = 'success';
      const { digest, sizeBytes, fileCount } = built.image;
      const log = built.log.slice(-maxBuildLogLines);
      return { bundle: { digest, sizeBytes, fileCount }, log };
    } finally {
      if (outcome === 'failure' && signal.aborted) outcome = 'cancelled';
      const now = clock.monotonic();
      metrics.record({ kind: 'build', at: clock.now(), tookMs: now - (startedAt ?? now), outcome });
    }
  }

  async #reuse(latest: VersionRecord | undefined, config: VersionConfig, watcher: BuildWatcher) {
    const isSameEntry = latest?.config.runtime === config.runtime && latest.config.handler === config.handler;
    if (latest === undefined || !isSameEntry) throw codeMissing();
    const { digest, sizeBytes, fileCount } = await this.#options.bundles.open(latest.digest);
    const said = `reused the bundle of version ${latest.version}`;
    watcher.line(said);
    return { bundle: { digest, sizeBytes, fileCount }, log: [said] };
  }
}

export function codeMissing(): PlatformError {
  return new PlatformError(
    'invalid_request',
    'code_missing',
    'send the code: `files` in the JSON, or a part `bundle` with a .zip or .tar.gz in a multipart request',
    { issues: [{ path: 'files', message: 'required' }] },
  );
}

function imageWithCode(): PlatformError {
  const message = 'a version that names an image has no code of its own; leave out the files, or the image';
  return new PlatformError('invalid_request', 'image_with_code', message, {
    issues: [{ path: 'image', message: 'goes without files' }],
  });
}
