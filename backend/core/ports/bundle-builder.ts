import type { InlineFiles } from '../../../shared/api/functions.ts';
import type { VersionConfig } from '../../../shared/version-config.ts';
import type { BuildWatcher } from './build-watcher.ts';
import type { PreparedImage } from './isolation-driver.ts';

export type BundleSource =
  | { readonly kind: 'inline'; readonly files: InlineFiles }
  /** An uploaded archive in a temporary file; the builder does not delete it. */
  | { readonly kind: 'archive'; readonly path: string; readonly format: 'zip' | 'tar.gz' };

export interface BuiltBundle {
  readonly image: PreparedImage;
  readonly log: readonly string[];
}

/**
 * Turns what was uploaded into a bundle: checks the archive, installs dependencies, compiles TypeScript, validates the
 * handler. Rejects with `invalid_request` (bad archive, names), `payload_too_large`, or `unprocessable`/`build_failed` with
 * detail {buildLog: string[]}; then nothing is left behind.
 * While it waits for its turn no step begins.
 */
export interface BundleBuilder {
  build(
    source: BundleSource,
    config: Pick<VersionConfig, 'runtime' | 'handler'>,
    watcher: BuildWatcher,
    signal: AbortSignal,
  ): Promise<BuiltBundle>;
}
