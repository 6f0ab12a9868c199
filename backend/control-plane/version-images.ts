import { PlatformError } from '../../shared/errors.ts';
import type { BundleDigest } from '../../shared/ids.ts';
import type { ContainerImageConfig, VersionConfig } from '../../shared/version-config.ts';
import type { ContainerImages } from '../core/ports/container-images.ts';

export interface VersionImagesOptions {
  readonly images: ContainerImages | undefined;
  /** The value of a secret that the function may use; rejects with what to do when there is none. */
  readonly readSecret: ((functionName: string, secretName: string) => Promise<string>) | undefined;
}

export interface VersionImage {
  readonly bundle: { readonly digest: BundleDigest; readonly sizeBytes: number; readonly fileCount: number };
  /** With what the registry said. */
  readonly config: VersionConfig;
  readonly log: readonly string[];
}

/** Finds or pulls the image that a version names instead of a bundle; its digest takes the place of the bundle's. */
export class VersionImages {
  readonly #options: VersionImagesOptions;

  constructor(options: VersionImagesOptions) {
    this.#options = options;
  }

  /** Rejects as `ContainerImages.resolve`, and when the secret for the registry cannot be read. */
  async resolve(
    functionName: string,
    config: VersionConfig & { readonly image: ContainerImageConfig },
    signal: AbortSignal,
  ): Promise<VersionImage> {
    const { images, readSecret } = this.#options;
    if (images === undefined) {
      const message = 'this installation has no isolation level that runs container images';
      throw new PlatformError('unprocessable', 'isolation_unavailable', message);
    }
    const { reference, pull, pullSecret } = config.image;
    const credential = pullSecret === null ? undefined : await needed(readSecret)(functionName, pullSecret);
    const image = await images.resolve({ reference, pull, credential }, signal);
    return {
      bundle: { digest: image.digest, sizeBytes: image.sizeBytes, fileCount: 0 },
      config: { ...config, image: { ...config.image, pinned: image.pinned ?? null } },
      log: image.progress,
    };
  }
}

function needed(readSecret: VersionImagesOptions['readSecret']): NonNullable<typeof readSecret> {
  if (readSecret !== undefined) return readSecret;
  const message =
    'this installation keeps no secrets; log the daemon in to the registry and pull the image there, and leave pullSecret out';
  throw new PlatformError('unprocessable', 'secrets_unavailable', message, {
    issues: [{ path: 'image.pullSecret', message: 'not offered here' }],
  });
}
