import type { RuntimeName } from '../../../shared/version-config.ts';
import type { DriverName } from './isolation-driver.ts';

/** One file that guests boot from: the kernel, the initial RAM disk for the default limits, or the root image of a runtime. */
export interface GuestPartRecord {
  readonly part: 'kernel' | 'initrd' | 'root';
  /** Of the file; says by a hash what went into it. */
  readonly name: string;
  /** `sha256:` and hexadecimal digits, of its contents. */
  readonly digest: string;
  readonly sizeBytes: number;
  /** False when that very file was there already. */
  readonly isNew: boolean;
}

/** What a driver with guests boots for one runtime. */
export interface BuiltGuest {
  readonly driver: DriverName;
  readonly runtime: RuntimeName;
  readonly kernelVersion: string;
  readonly parts: readonly GuestPartRecord[];
  /** What happened, line by line. */
  readonly progress: readonly string[];
}

export interface GuestBuildRequest {
  readonly runtime: RuntimeName;
  /** A kernel file or Debian package on the platform's machine that guests boot from now on; `installed`: the distribution's again; undefined: as before. */
  readonly kernel: string | undefined;
}

/** Makes what microVMs boot from ahead, so that no start has to; the same inputs make the same bytes, and what is there already is not made again. */
export interface GuestImages {
  /** One guest per driver that is switched on. Rejects with `unprocessable` when none is, or the kernel cannot be taken. */
  build(request: GuestBuildRequest, signal: AbortSignal): Promise<readonly BuiltGuest[]>;
}
