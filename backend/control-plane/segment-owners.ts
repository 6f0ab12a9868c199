import type { RoutePattern } from '../../shared/route-pattern.ts';

/**
 * Which project uses which first segment of a path. Each belongs to one project at a time, so that no project can put a route
 * below a path of another and take its calls. Routes that begin with a parameter are the default project's alone, and
 * always yield to plain text.
 */
export class SegmentOwners {
  readonly #owners = new Map<string, { readonly project: string; routes: number }>();

  isFree(pattern: RoutePattern, project: string): boolean {
    const owner = this.#owners.get(keyOf(pattern) ?? '');
    return owner === undefined || owner.project === project;
  }

  add(pattern: RoutePattern, project: string): void {
    const key = keyOf(pattern);
    if (key === undefined) return;
    const owner = this.#owners.get(key);
    if (owner === undefined) this.#owners.set(key, { project, routes: 1 });
    else owner.routes++;
  }

  remove(pattern: RoutePattern, project: string): void {
    const key = keyOf(pattern);
    const owner = key === undefined ? undefined : this.#owners.get(key);
    if (key === undefined || owner?.project !== project) return;
    owner.routes--;
    if (owner.routes === 0) this.#owners.delete(key);
  }
}

/** `~acme` is one project's from the start, so it is not counted. */
function keyOf({ segments: [first] }: RoutePattern): string | undefined {
  return first?.kind === 'literal' && !first.text.startsWith('~') ? first.text : undefined;
}
