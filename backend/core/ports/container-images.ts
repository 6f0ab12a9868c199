import type { BundleDigest } from '../../../shared/ids.ts';

export interface ImageRequest {
  /** As the version names it. */
  readonly reference: string;
  /** `always` asks the registry even when the image is there. */
  readonly pull: 'missing' | 'always';
  /** `user:password` for the registry. */
  readonly credential: string | undefined;
}

/** An image that is there and that can be started here. */
export interface ResolvedImage {
  /** sha256 of the image's configuration, which names all of its layers: what versions are started from, whatever a tag says later. */
  readonly digest: BundleDigest;
  readonly sizeBytes: number;
  /** The reference with the digest that the registry gave; undefined for an image that came from none. */
  readonly pinned: string | undefined;
  /** What happened, line by line. */
  readonly progress: readonly string[];
}

/** A pull that runs now. */
export interface PullView {
  readonly reference: string;
  /** `Clock.now()`. */
  readonly startedAt: number;
  /** What the daemon said last, for example `Downloading`. */
  readonly status: string;
  readonly layers: number;
  readonly layersDone: number;
  /** Of the layers whose size is known by now. */
  readonly currentBytes: number;
  readonly totalBytes: number;
}

/** Container images of users: found, pulled, checked. */
export interface ContainerImages {
  /**
   * Rejects with `unprocessable` (`image_not_found`, `image_denied`, `image_unusable`) or `unavailable` (the technology or the registry cannot be
   * reached), each with a fix.
   */
  resolve(request: ImageRequest, signal: AbortSignal): Promise<ResolvedImage>;
  pulls(): readonly PullView[];
}
