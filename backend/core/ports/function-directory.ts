import type { FunctionId } from '../../../shared/ids.ts';
import type { VersionSpec } from '../version.ts';

/** Which version answers a call. */
export interface Resolution {
  readonly version: VersionSpec;
  readonly qualifier: string;
}

export interface RouteMatch extends Resolution {
  readonly params: Readonly<Record<string, string>>;
  /** The path below the route, as the function sees it as `rawPath`: for `/{name}/x` it is `/x`. */
  readonly basePath: string;
}

export type RouteResult =
  | { readonly kind: 'match'; readonly match: RouteMatch }
  | { readonly kind: 'method-not-allowed'; readonly allow: readonly string[] }
  | { readonly kind: 'disabled'; readonly functionName: string }
  | { readonly kind: 'none' };

/**
 * Functions, aliases and routes in memory, kept current by the control plane. Every method is synchronous and its cost does not
 * grow with the number of functions.
 */
export interface FunctionDirectory {
  /** `path` is percent-decoded per segment by the directory; a traversal or bad encoding is `none`. */
  matchRoute(method: string, path: string): RouteResult;
  /**
   * `qualifier` is a version number or alias name; weighted aliases draw a version.
   * Throws PlatformError `not_found` (`function_not_found`, `qualifier_not_found`) or `unavailable` (`function_disabled`).
   */
  resolve(functionName: string, qualifier: string): Resolution;
  /** The functions that `resolve` refuses because they are disabled. */
  disabled(): ReadonlySet<FunctionId>;
}
