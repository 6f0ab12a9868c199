import { parseRoutePattern, splitPath } from './route-pattern.ts';
import { RouteTrie } from './route-trie.ts';

/** A route, as far as requests are matched with it. */
interface MatchedRoute {
  readonly path: string;
  readonly methods?: readonly string[] | undefined;
}

/** Where a request goes among the routes of one function. */
export interface OwnRouteMatch<R> {
  /** Undefined where the function has no routes, and takes every request. */
  readonly route: R | undefined;
  readonly params: Readonly<Record<string, string>>;
}

/** The routes of one function, matched as the gateway does. */
export class OwnRoutes<R extends MatchedRoute> {
  readonly #trie = new RouteTrie<R>();
  readonly #takesAll: boolean;

  /** Throws when a path is no pattern of a route. */
  constructor(routes: readonly R[] = []) {
    this.#takesAll = routes.length === 0;
    for (const route of routes) this.#trie.add(parseRoutePattern(route.path), route.methods ?? [], route);
  }

  /** The route that takes the request; undefined when none of them does. */
  match(method: string, target: string): OwnRouteMatch<R> | undefined {
    if (this.#takesAll) return { route: undefined, params: {} };
    const path = splitPath(target.split('?', 1)[0] ?? '');
    const found = path && this.#trie.match(method, path);
    return found?.kind === 'match' ? { route: found.value, params: { ...found.params } } : undefined;
  }
}
