import type { RouteInput } from '../../shared/api/functions.ts';
import { parseRoutePattern, splitPath } from '../../shared/route-pattern.ts';
import { RouteTrie } from '../../shared/route-trie.ts';

/** The routes of a manifest, as the gateway matches them. */
export class DraftRoutes {
  readonly #trie = new RouteTrie<true>();
  readonly #takesAll: boolean;

  /** Throws when a path is no pattern of a route. */
  constructor(routes: readonly RouteInput[] = []) {
    this.#takesAll = routes.length === 0;
    for (const { path, methods = [] } of routes) this.#trie.add(parseRoutePattern(path), methods, true);
  }

  /** Parameters of the route that takes the request, none where there are no routes; undefined when none of them does. */
  match(method: string, target: string): Record<string, string> | undefined {
    if (this.#takesAll) return {};
    const path = splitPath(target.split('?', 1)[0] ?? '');
    const found = path && this.#trie.match(method, path);
    return found?.kind === 'match' ? { ...found.params } : undefined;
  }
}
