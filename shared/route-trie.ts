import type { RoutePattern, SplitPath } from './route-pattern.ts';

export interface TrieEntry<T> {
  /** Empty: all methods. */
  readonly methods: readonly string[];
  readonly paramNames: readonly string[];
  readonly value: T;
}

export type TrieResult<T> =
  | { readonly kind: 'match'; readonly value: T; readonly params: Readonly<Record<string, string>> }
  | { readonly kind: 'method-not-allowed'; readonly allow: readonly string[] }
  | { readonly kind: 'none' };

interface Node<T> {
  literals: Map<string, Node<T>> | undefined;
  param: Node<T> | undefined;
  /** Routes that end here. */
  entries: TrieEntry<T>[] | undefined;
  /** Routes whose `*` begins here. */
  rest: TrieEntry<T>[] | undefined;
}

/**
 * A path of n segments visits at most 2^n nodes of a trie that was built to provoke it; no honest set of routes comes near
 * this bound, and beyond it a path matches nothing. So a match costs at most this many steps whatever was deployed.
 */
const maxVisits = 2048;
const none = { kind: 'none' } as const;

const emptyNode = <T>(): Node<T> => ({ literals: undefined, param: undefined, entries: undefined, rest: undefined });

/** Two method lists have a method in common; empty means all. */
export function methodsOverlap(a: readonly string[], b: readonly string[]): boolean {
  return a.length === 0 || b.length === 0 || a.some((method) => b.includes(method));
}

/** The entry for a method; an explicit HEAD route comes before the GET route that answers HEAD otherwise. */
function entryFor<T>(entries: readonly TrieEntry<T>[], method: string): TrieEntry<T> | undefined {
  for (const entry of entries) if (entry.methods.includes(method)) return entry;
  for (const entry of entries) {
    if (entry.methods.length === 0 || (method === 'HEAD' && entry.methods.includes('GET'))) return entry;
  }
  return undefined;
}

/** One search; holds what the recursion shares. */
class Search<T> {
  readonly #method: string;
  readonly #path: SplitPath;
  readonly #captures: string[] = [];
  readonly allow = new Set<string>();
  #visits = 0;

  constructor(method: string, path: SplitPath) {
    this.#method = method;
    this.#path = path;
  }

  visit(node: Node<T>, index: number): TrieResult<T> | undefined {
    if (++this.#visits > maxVisits) return undefined;
    const { segments, hasTrailingSlash } = this.#path;
    if (index === segments.length) {
      const exact = this.#choose(node.entries, undefined);
      if (exact !== undefined) return exact;
      return hasTrailingSlash ? this.#choose(node.rest, '') : undefined;
    }
    const segment = segments[index] as string;
    const literal = node.literals?.get(segment);
    if (literal !== undefined) {
      const found = this.visit(literal, index + 1);
      if (found !== undefined) return found;
    }
    if (node.param !== undefined && segment !== '') {
      this.#captures.push(segment);
      const found = this.visit(node.param, index + 1);
      if (found !== undefined) return found;
      this.#captures.pop();
    }
    return node.rest === undefined ? undefined : this.#choose(node.rest, segments.slice(index).join('/'));
  }

  #choose(entries: readonly TrieEntry<T>[] | undefined, rest: string | undefined): TrieResult<T> | undefined {
    if (entries === undefined) return undefined;
    const entry = entryFor(entries, this.#method);
    if (entry === undefined) {
      for (const other of entries) for (const method of other.methods) this.allow.add(method);
      return undefined;
    }
    const params: Record<string, string> = {};
    for (const [i, name] of entry.paramNames.entries()) params[name] = this.#captures[i] as string;
    if (rest !== undefined) params['*'] = rest;
    return { kind: 'match', value: entry.value, params };
  }
}

/**
 * Routes as a trie over path segments: a literal wins over `:param`, which wins over `*`; a route that matches the path but
 * not the method leaves the turn to the next best. Matching depends on the length of the path, not on the number of
 * routes. `*` needs a slash before it: `/files/*` answers `/files/` and `/files/a/b`, not `/files`.
 */
export class RouteTrie<T> {
  readonly #root = emptyNode<T>();

  add(pattern: RoutePattern, methods: readonly string[], value: T): void {
    let node = this.#root;
    const entry: TrieEntry<T> = { methods, paramNames: pattern.paramNames, value };
    for (const segment of pattern.segments) {
      if (segment.kind === 'rest') {
        node.rest ??= [];
        node.rest.push(entry);
        return;
      }
      node = segment.kind === 'literal' ? this.#literal(node, segment.text) : this.#param(node);
    }
    node.entries ??= [];
    node.entries.push(entry);
  }

  /** Removes the entries of exactly this pattern for which `isTarget` holds, and the nodes that are empty then. */
  remove(pattern: RoutePattern, isTarget: (value: T) => boolean): void {
    const trail: { node: Node<T>; literal: string | undefined }[] = [];
    let node: Node<T> | undefined = this.#root;
    for (const segment of pattern.segments) {
      if (segment.kind === 'rest') break;
      const literal: string | undefined = segment.kind === 'literal' ? segment.text : undefined;
      trail.push({ node, literal });
      node = literal === undefined ? node.param : node.literals?.get(literal);
      if (node === undefined) return;
    }
    const list = pattern.segments.at(-1)?.kind === 'rest' ? 'rest' : 'entries';
    const kept = (node[list] ?? []).filter((entry) => !isTarget(entry.value));
    node[list] = kept.length > 0 ? kept : undefined;
    this.#dropEmpty(node, trail);
  }

  /** The routes with exactly this pattern, whatever their parameters are called. */
  at(pattern: RoutePattern): readonly TrieEntry<T>[] {
    let node: Node<T> | undefined = this.#root;
    for (const segment of pattern.segments) {
      if (segment.kind === 'rest') return node.rest ?? [];
      node = segment.kind === 'literal' ? node.literals?.get(segment.text) : node.param;
      if (node === undefined) return [];
    }
    return node.entries ?? [];
  }

  match(method: string, path: SplitPath): TrieResult<T> {
    const search = new Search<T>(method, path);
    const found = search.visit(this.#root, 0);
    if (found !== undefined) return found;
    if (search.allow.size === 0) return none;
    if (search.allow.has('GET')) search.allow.add('HEAD');
    return { kind: 'method-not-allowed', allow: [...search.allow].sort() };
  }

  #literal(node: Node<T>, text: string): Node<T> {
    node.literals ??= new Map();
    let child = node.literals.get(text);
    if (child === undefined) {
      child = emptyNode();
      node.literals.set(text, child);
    }
    return child;
  }

  #param(node: Node<T>): Node<T> {
    node.param ??= emptyNode();
    return node.param;
  }

  #dropEmpty(last: Node<T>, trail: readonly { node: Node<T>; literal: string | undefined }[]): void {
    let node = last;
    for (const step of [...trail].reverse()) {
      const isEmpty = !node.entries && !node.rest && !node.param && !node.literals?.size;
      if (!isEmpty) return;
      if (step.literal === undefined) step.node.param = undefined;
      else step.node.literals?.delete(step.literal);
      node = step.node;
    }
  }
}
