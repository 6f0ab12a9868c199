import { limits } from '../../../shared/limits.ts';

/** What an upload may unpack to. Reliability: an archive is stopped at the first cap that it crosses, and its files are deleted. */
export interface UnpackLimits {
  readonly maxBytes: number;
  readonly maxFiles: number;
  /** Unpacked bytes per packed byte, counted after the first MiB: small files compress absurdly well without harm. */
  readonly maxRatio: number;
  readonly maxPathBytes: number;
  readonly maxDepth: number;
  readonly maxUnpackMs: number;
}

export const defaultUnpackLimits: UnpackLimits = {
  maxBytes: limits.maxBundleBytes,
  maxFiles: limits.maxBundleFiles,
  maxRatio: 100,
  maxPathBytes: 512,
  maxDepth: 32,
  maxUnpackMs: 30_000,
};
