import type { BuildLog } from './build-log.ts';
import type { HandlerReference } from './handler-reference.ts';

/** One build on its way. `root` holds the bundle and is changed in place; it lies inside `buildDirectory`. */
export interface BuildContext {
  readonly root: string;
  /** Scratch space of this build alone; deleted with everything in it when the build ends. */
  readonly buildDirectory: string;
  readonly handler: HandlerReference;
  readonly log: BuildLog;
  readonly signal: AbortSignal;
}

/** A place where packages are installed and code is bundled, away from the platform. What a build sets up there lives until `close`. */
export interface BuildTools {
  /** Installs what package.json and package-lock.json name; returns the node_modules directory, outside of the bundle. */
  installNpm(context: BuildContext): Promise<string>;
  /** Moves the installed node_modules into the bundle. */
  keepPackages(context: BuildContext): Promise<void>;
  /** Fills `<root>/site-packages` from requirements.txt. */
  installPip(context: BuildContext): Promise<void>;
  /**
   * Bundles `entry` and what it imports into `output` (both relative to the root) with a linked source map. Resolves with the bytes of each input in the
   * output, by its path; undefined when that is not known.
   */
  bundle(context: BuildContext, request: BundleRequest): Promise<ReadonlyMap<string, number> | undefined>;
  /** Frees what this build set up. Never rejects. */
  close(context: BuildContext): Promise<void>;
}

export interface BundleRequest {
  readonly entry: string;
  readonly output: string;
  readonly format: 'esm' | 'cjs';
  /** `external` leaves packages to node_modules, for native addons and packages that read files beside themselves. */
  readonly packages: 'bundle' | 'external';
}
