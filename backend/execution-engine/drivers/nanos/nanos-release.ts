import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PlatformError } from '../../../../shared/errors.ts';
import { fileKey } from '../support/runtime-files.ts';

/** What unikernels are made of: paths of the operator's files. */
export interface NanosRelease {
  readonly kernel: string;
  /** The boot loader that goes before the volume. */
  readonly boot: string;
  readonly mkfs: string;
  /** What the file VERSION beside them says (scripts/setup_nanos.sh writes it), or `of unknown version`. */
  readonly version: string;
  /** Changes with any of the files. */
  readonly key: string;
}

/** Where the files are below HEARTH_NANOS_HOME: as scripts/setup_nanos.sh puts them, or as a build from the sources leaves them. */
const places = {
  kernel: ['kernel.img', 'output/platform/pc/bin/kernel.img'],
  boot: ['boot.img', 'output/platform/pc/boot/boot.img'],
  mkfs: ['mkfs', 'output/tools/bin/mkfs'],
} as const;
const setUp = 'run scripts/setup_nanos.sh, which fetches the official release, checks it and builds mkfs';

/** Throws `unavailable` (`nanos_missing`) with what is missing and how to get it. */
export function findNanos(home: string): NanosRelease {
  if (home === '')
    throw missing('HEARTH_NANOS_HOME names no release of Nanos', `${setUp}, and name its directory there`);
  if (!existsSync(home)) throw missing(`there is no ${home} (HEARTH_NANOS_HOME)`, setUp);
  const find = (name: keyof typeof places): string => {
    const path = places[name].map((place) => join(home, place)).find(existsSync);
    if (path !== undefined) return path;
    const wanted = places[name].join(' or ');
    const fix =
      name === 'mkfs'
        ? `${setUp}; or build it in the sources of the same release (make mkfs) and copy output/tools/bin/mkfs there`
        : setUp;
    throw missing(`${home} has no ${wanted}`, fix);
  };
  const [kernel, boot, mkfs] = [find('kernel'), find('boot'), find('mkfs')];
  return {
    kernel,
    boot,
    mkfs,
    version: versionIn(home),
    key: [kernel, boot, mkfs].map((path) => fileKey(path)).join('\n'),
  };
}

function versionIn(home: string): string {
  try {
    return /^[\w.+-]{1,64}$/.exec(readFileSync(join(home, 'VERSION'), 'utf8').trim())?.[0] ?? 'of unknown version';
  } catch {
    return 'of unknown version';
  }
}

function missing(reason: string, fix: string): PlatformError {
  return new PlatformError('unavailable', 'nanos_missing', `${reason}; ${fix}`);
}
