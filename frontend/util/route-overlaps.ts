import { methodsOverlap } from '../../shared/route-trie.ts';

/** What decides whether a request fits a route. */
export interface RouteShape {
  readonly path: string;
  /** Empty: all. */
  readonly methods: readonly string[];
}

const segmentsOf = (path: string): readonly string[] => path.split('/').filter((part) => part !== '');
/** The gateway tries plain text before a parameter, and that before the rest. */
const rankOf = (segment: string | undefined): number =>
  segment === '*' ? 2 : segment?.startsWith(':') === true ? 1 : 0;

/** Whether some request fits both, and the gateway gives it to `other`. */
export function yieldsTo(route: RouteShape, other: RouteShape): boolean {
  if (!methodsOverlap(route.methods, other.methods)) return false;
  const [mine, theirs] = [segmentsOf(route.path), segmentsOf(other.path)];
  // Below zero: this route wins. The first segment in which they differ decides, when both fit at all.
  let lead = 0;
  for (let index = 0; index < Math.max(mine.length, theirs.length); index++) {
    const [a, b] = [mine[index], theirs[index]];
    if (lead === 0) lead = rankOf(a) - rankOf(b);
    if (a === '*' || b === '*') return a !== undefined && b !== undefined && lead > 0;
    if (a === undefined || b === undefined) return false;
    if (rankOf(a) === 0 && rankOf(b) === 0 && a !== b) return false;
  }
  return lead > 0;
}

/** For each route those that take a part of its requests, in the order given; routes without any are left out. */
export function overlapsOf<Route extends RouteShape>(routes: readonly Route[]): ReadonlyMap<Route, readonly Route[]> {
  const found = routes.map((route): [Route, readonly Route[]] => [
    route,
    routes.filter((other) => other !== route && yieldsTo(route, other)),
  ]);
  return new Map(found.filter(([, others]) => others.length > 0));
}
