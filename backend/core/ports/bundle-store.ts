import type { BundleDigest } from '../../../shared/ids.ts';
import type { RuntimeName } from '../../../shared/version-config.ts';
import type { PreparedImage } from './isolation-driver.ts';

/** Content-addressed directories of built bundles: whole or absent, never partial. */
/** One file of a bundle. */
export interface BundleFile {
  readonly path: string;
  readonly sizeBytes: number;
  /** Of its content, in hexadecimal digits. */
  readonly sha256: string;
  readonly executable: boolean;
  /** Null when it is binary, or too large to be shown. */
  readonly text: string | null;
}

export interface BundleStore {
  /** Moves a finished directory in (fsync, rename); a bundle that is there already wins. */
  put(directory: string): Promise<PreparedImage>;
  /** Rejects with `not_found` when it is gone, `internal`/`bundle_corrupt` when its manifest does not match. */
  open(digest: BundleDigest): Promise<PreparedImage>;
  /** By path. Texts of files that `wants` refuses are not read, nor are those files listed; all are when it is left out. */
  files(digest: BundleDigest, wants?: (path: string) => boolean): Promise<readonly BundleFile[]>;
  /** Deletes every bundle that is not in `keep`. */
  prune(keep: ReadonlySet<BundleDigest>): Promise<number>;
}

/** Bundles as instances get them: with what their runtime compiled ahead, where that is there. */
export interface RunnableBundles {
  /** As `BundleStore.open`. What was compiled makes an image with a digest of its own; when nothing was, it is the bundle as it is. */
  openToRun(digest: BundleDigest, runtime: RuntimeName): Promise<PreparedImage>;
  /** `listener` hears of every bundle for which `openToRun` answers with another image from now on. */
  onCompiled(listener: (digest: BundleDigest) => void): void;
}
