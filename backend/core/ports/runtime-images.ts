import type { RuntimeName } from '../../../shared/version-config.ts';
import type { DriverName } from './isolation-driver.ts';

/** What a driver starts a runtime from, kept by the technology and not by us: a container image. */
export interface RuntimeImageRecord {
  readonly driver: DriverName;
  readonly runtime: string;
  /** The name under which the technology knows it. */
  readonly reference: string;
  /** `sha256:` and hexadecimal digits, of its contents. */
  readonly digest: string;
  readonly sizeBytes: number;
}

export interface BuiltRuntimeImage extends RuntimeImageRecord {
  /** False when that very image was there already. */
  readonly isNew: boolean;
  /** What happened, line by line. */
  readonly progress: readonly string[];
}

/** Makes images of the runtimes ahead, so that no start has to. Rejects with `unavailable` and a fix when the technology is not there. */
export interface RuntimeImages {
  list(signal: AbortSignal): Promise<readonly RuntimeImageRecord[]>;
  build(runtime: RuntimeName, signal: AbortSignal): Promise<BuiltRuntimeImage>;
}
