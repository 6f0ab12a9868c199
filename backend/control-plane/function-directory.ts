import { PlatformError } from '../../shared/errors.ts';
import type { FunctionId } from '../../shared/ids.ts';
import { defaultPathOf, defaultProject, projectOf, shortNameOf } from '../../shared/names.ts';
import { parseRoutePattern, type RoutePattern, splitPath } from '../../shared/route-pattern.ts';
import { methodsOverlap, RouteTrie } from '../../shared/route-trie.ts';
import { mostMinInstances } from '../core/policies/provisioned.ts';
import type { FunctionDirectory, Resolution, RouteResult } from '../core/ports/function-directory.ts';
import type { AliasRecord, FunctionRecord, RouteRecord, Store, VersionRecord } from '../core/ports/store.ts';
import type { VersionSpec } from '../core/version.ts';
import { type ChangeListener, ChangeListeners } from './change-listeners.ts';
import { SegmentOwners } from './segment-owners.ts';

/** Everything the platform knows of one function, in memory. Names of functions are full names (shared/names.ts) throughout. */
export interface FunctionEntry {
  readonly record: FunctionRecord;
  readonly versions: ReadonlyMap<number, VersionRecord>;
  readonly aliases: ReadonlyMap<string, AliasRecord>;
  readonly routes: readonly RouteRecord[];
}

/** The version of `live` that has most of the traffic; undefined where nothing is live. */
export function liveVersionOf(entry: FunctionEntry): number | undefined {
  const targets = entry.aliases.get('live')?.versions ?? [];
  return targets.toSorted((a, b) => b.weight - a.weight || b.version - a.version)[0]?.version;
}

/** What a committed change did to one function; parts left out stay as they are. */
export interface DirectoryChange {
  readonly record: FunctionRecord;
  readonly addedVersions?: readonly VersionRecord[];
  /** All aliases, or those of the function stay. */
  readonly aliases?: readonly AliasRecord[];
  readonly routes?: readonly RouteRecord[];
}

export interface RouteClaim {
  readonly path: string;
  readonly methods: readonly string[];
}

export interface InMemoryFunctionDirectoryOptions {
  /** In [0, 1): draws the version of a weighted alias. `Math.random` when left out. */
  readonly random?: () => number;
}

class Entry implements FunctionEntry {
  record: FunctionRecord;
  readonly versions = new Map<number, VersionRecord>();
  readonly aliases = new Map<string, AliasRecord>();
  routes: readonly RouteRecord[] = [];
  /** Made when first asked for, so that a start reads no configuration that nobody calls. */
  readonly #specs = new Map<number, VersionSpec>();

  constructor(record: FunctionRecord) {
    this.record = record;
  }

  spec(version: number): VersionSpec | undefined {
    const known = this.#specs.get(version);
    if (known !== undefined) return known;
    const stored = this.versions.get(version);
    if (stored === undefined) return undefined;
    const spec: VersionSpec = {
      versionId: stored.id,
      functionId: this.record.id,
      functionName: this.record.name,
      version,
      digest: stored.digest,
      config: stored.config,
    };
    this.#specs.set(version, spec);
    return spec;
  }
}

interface RouteTarget {
  readonly entry: Entry;
  readonly alias: string;
  readonly isDefault: boolean;
}

const versionQualifier = /^[1-9][0-9]{0,9}$/;

function defaultPatterns(fullName: string): readonly RoutePattern[] {
  const { segments } = parseRoutePattern(defaultPathOf(fullName));
  return [
    { segments, paramNames: [] },
    { segments: [...segments, { kind: 'rest' }], paramNames: [] },
  ];
}

/**
 * Functions, versions, aliases and routes in memory. The control plane loads it once and tells it of every change after
 * the change is on disk. All methods are synchronous; none but `load` and `provisioned` looks at every function.
 */
export class InMemoryFunctionDirectory implements FunctionDirectory {
  readonly #byName = new Map<string, Entry>();
  readonly #byId = new Map<FunctionId, Entry>();
  readonly #disabled = new Set<FunctionId>();
  readonly #routes = new RouteTrie<RouteTarget>();
  readonly #segments = new SegmentOwners();
  readonly #random: () => number;
  readonly #listeners = new ChangeListeners<FunctionEntry>();

  constructor(options: InMemoryFunctionDirectoryOptions = {}) {
    this.#random = options.random ?? Math.random;
  }

  /** Fills an empty directory from the store. */
  async load(store: Pick<Store, 'functions' | 'versions' | 'aliases' | 'routes'>): Promise<void> {
    const [functions, versions, aliases, routes] = await Promise.all([
      store.functions.all(),
      store.versions.all(),
      store.aliases.all(),
      store.routes.all(),
    ]);
    for (const record of functions) {
      const entry = new Entry(record);
      this.#byName.set(record.name, entry);
      this.#byId.set(record.id, entry);
      if (!record.isEnabled) this.#disabled.add(record.id);
    }
    for (const version of versions) this.#byId.get(version.functionId)?.versions.set(version.version, version);
    for (const alias of aliases) this.#byId.get(alias.functionId)?.aliases.set(alias.name, alias);
    const routesOf = Map.groupBy(routes, (route) => route.functionId);
    for (const entry of this.#byName.values()) this.#setRoutes(entry, routesOf.get(entry.record.id) ?? []);
  }

  get size(): number {
    return this.#byName.size;
  }

  find(name: string): FunctionEntry | undefined {
    return this.#byName.get(name);
  }

  /** Rejects with `not_found`/`function_not_found`. */
  get(name: string): FunctionEntry {
    return this.#entry(name);
  }

  byId(id: FunctionId): FunctionEntry | undefined {
    return this.#byId.get(id);
  }

  entries(): IterableIterator<FunctionEntry> {
    return this.#byName.values();
  }

  entriesOf(project: string): readonly FunctionEntry[] {
    return [...this.#byName.values()].filter((entry) => projectOf(entry.record.name) === project);
  }

  /** Takes over a change that is on disk. */
  apply(change: DirectoryChange): FunctionEntry {
    let entry = this.#byId.get(change.record.id);
    const isNew = entry === undefined;
    if (entry === undefined) {
      entry = new Entry(change.record);
      this.#byName.set(change.record.name, entry);
      this.#byId.set(change.record.id, entry);
    }
    entry.record = change.record;
    if (change.record.isEnabled) this.#disabled.delete(change.record.id);
    else this.#disabled.add(change.record.id);
    for (const version of change.addedVersions ?? []) entry.versions.set(version.version, version);
    if (change.aliases !== undefined) {
      entry.aliases.clear();
      for (const alias of change.aliases) entry.aliases.set(alias.name, alias);
    }
    if (change.routes !== undefined || isNew) {
      if (!isNew) this.#clearRoutes(entry);
      this.#setRoutes(entry, change.routes ?? []);
    }
    this.#listeners.tell(entry, false);
    return entry;
  }

  remove(id: FunctionId): void {
    const entry = this.#byId.get(id);
    if (entry === undefined) return;
    this.#clearRoutes(entry);
    this.#disabled.delete(id);
    this.#byId.delete(id);
    this.#byName.delete(entry.record.name);
    this.#listeners.tell(entry, true);
  }

  /** Calls `listener`, which must not throw, after each change; returns the unsubscriber. */
  onChange(listener: ChangeListener<FunctionEntry>): () => void {
    return this.#listeners.add(listener);
  }

  /**
   * Throws `conflict`/`route_taken` when these routes (or, when there are none, the default routes of `name`) overlap in
   * pattern and method with those of another function, which is named if it is of the same project, or begin with a
   * segment that another project uses; and `invalid_request`/`bad_route` or `duplicate_route` when they are wrong in themselves.
   */
  checkRoutes(name: string, claims: readonly RouteClaim[]): void {
    const wanted = claims.map((claim) => ({ ...claim, pattern: parseRoutePattern(claim.path) }));
    const trial = new RouteTrie<string>();
    for (const { pattern, methods, path } of wanted) {
      if (trial.at(pattern).some((entry) => methodsOverlap(entry.methods, methods))) {
        throw new PlatformError('invalid_request', 'duplicate_route', `route ${path} is given twice for one method`);
      }
      trial.add(pattern, methods, path);
    }
    if (wanted.length === 0) {
      for (const pattern of defaultPatterns(name)) this.#checkFree(name, defaultPathOf(name), pattern, []);
    }
    for (const { pattern, methods, path } of wanted) {
      checkFirstSegment(name, path, pattern);
      this.#checkFree(name, path, pattern, methods);
    }
  }

  matchRoute(method: string, path: string): RouteResult {
    const query = path.indexOf('?');
    const split = splitPath(query === -1 ? path : path.slice(0, query));
    if (split === undefined) return { kind: 'none' };
    const found = this.#routes.match(method, split);
    if (found.kind !== 'match') return found;
    const { entry, alias, isDefault } = found.value;
    if (!entry.record.isEnabled) return { kind: 'disabled', functionName: entry.record.name };
    const version = this.#draw(entry, alias);
    if (version === undefined) return { kind: 'none' };
    return {
      kind: 'match',
      match: isDefault
        ? { version, qualifier: alias, params: {}, basePath: defaultPathOf(entry.record.name) }
        : { version, qualifier: alias, params: found.params, basePath: '' },
    };
  }

  resolve(functionName: string, qualifier: string): Resolution {
    const entry = this.#entry(functionName);
    if (!entry.record.isEnabled) throw functionDisabled(functionName);
    const version = versionQualifier.test(qualifier) ? entry.spec(Number(qualifier)) : this.#draw(entry, qualifier);
    if (version === undefined) {
      throw new PlatformError(
        'not_found',
        'qualifier_not_found',
        `function ${shortNameOf(functionName)} has no version or alias ${JSON.stringify(qualifier.slice(0, 64))}`,
      );
    }
    return { version, qualifier };
  }

  disabled(): ReadonlySet<FunctionId> {
    return this.#disabled;
  }

  /** The versions behind an alias of an enabled function: those that may be called without naming a number. */
  referenced(id: FunctionId): readonly VersionSpec[] {
    const entry = this.#byId.get(id);
    if (!entry?.record.isEnabled) return [];
    const numbers = new Set<number>();
    for (const alias of entry.aliases.values()) for (const target of alias.versions) numbers.add(target.version);
    return [...numbers].map((version) => entry.spec(version)).filter((spec) => spec !== undefined);
  }

  /** The versions behind `live` that ask for instances to be kept warm. */
  provisioned(): readonly VersionSpec[] {
    const found: VersionSpec[] = [];
    for (const entry of this.#byName.values()) {
      if (!entry.record.isEnabled) continue;
      for (const { version } of entry.aliases.get('live')?.versions ?? []) {
        const stored = entry.versions.get(version);
        if (stored === undefined || mostMinInstances(stored.config) === 0) continue;
        const spec = entry.spec(version);
        if (spec !== undefined) found.push(spec);
      }
    }
    return found;
  }

  #entry(name: string): Entry {
    const entry = this.#byName.get(name);
    if (entry !== undefined) return entry;
    throw new PlatformError(
      'not_found',
      'function_not_found',
      `there is no function ${JSON.stringify(shortNameOf(name).slice(0, 64))}`,
    );
  }

  #draw(entry: Entry, aliasName: string): VersionSpec | undefined {
    const targets = entry.aliases.get(aliasName)?.versions;
    if (targets === undefined) return undefined;
    const [only] = targets;
    if (targets.length === 1 && only !== undefined) return entry.spec(only.version);
    let total = 0;
    for (const target of targets) total += target.weight;
    let point = this.#random() * total;
    for (const target of targets) {
      point -= target.weight;
      if (point < 0) return entry.spec(target.version);
    }
    const last = targets.at(-1);
    return last === undefined ? undefined : entry.spec(last.version);
  }

  #checkFree(name: string, path: string, pattern: RoutePattern, methods: readonly string[]): void {
    const project = projectOf(name);
    // Nothing is said of what is foreign, not even which function it is.
    if (!this.#segments.isFree(pattern, project)) {
      throw new PlatformError('conflict', 'route_taken', `route ${path} is taken; choose another first segment`);
    }
    for (const other of this.#routes.at(pattern)) {
      const owner = other.value.entry.record.name;
      if (owner === name || !methodsOverlap(other.methods, methods)) continue;
      const message = `route ${path} belongs to function ${shortNameOf(owner)} already`;
      throw new PlatformError('conflict', 'route_taken', message);
    }
  }

  #setRoutes(entry: Entry, routes: readonly RouteRecord[]): void {
    entry.routes = routes;
    if (routes.length === 0) {
      const target: RouteTarget = { entry, alias: 'live', isDefault: true };
      for (const pattern of defaultPatterns(entry.record.name)) this.#addRoute(entry, pattern, [], target);
      return;
    }
    for (const route of routes) {
      const target = { entry, alias: route.alias, isDefault: false };
      this.#addRoute(entry, parseRoutePattern(route.path), route.methods, target);
    }
  }

  #clearRoutes(entry: Entry): void {
    const remove = (pattern: RoutePattern) => {
      this.#routes.remove(pattern, (target) => target.entry === entry);
      this.#segments.remove(pattern, projectOf(entry.record.name));
    };
    if (entry.routes.length === 0) {
      for (const pattern of defaultPatterns(entry.record.name)) remove(pattern);
    }
    for (const route of entry.routes) remove(parseRoutePattern(route.path));
  }

  #addRoute(entry: Entry, pattern: RoutePattern, methods: readonly string[], target: RouteTarget): void {
    this.#routes.add(pattern, methods, target);
    this.#segments.add(pattern, projectOf(entry.record.name));
  }
}

export function functionDisabled(name: string): PlatformError {
  const message = `function ${shortNameOf(name)} is disabled; enable it first`;
  return new PlatformError('unavailable', 'function_disabled', message);
}

/** What begins with a parameter or `~` would reach into other projects, and what begins with `_hearth` is the gateway's own. */
function checkFirstSegment(name: string, path: string, { segments: [first] }: RoutePattern): void {
  const reason = first?.kind === 'literal' ? whyTaken(first.text) : whyNotPlain(name);
  if (reason === undefined) return;
  throw new PlatformError('invalid_request', 'bad_route', `route ${JSON.stringify(path)}: ${reason}`);
}

function whyTaken(segment: string): string | undefined {
  if (segment.startsWith('~')) return 'segments that begin with ~ belong to the default routes of projects';
  return segment === '_hearth' ? 'paths below /_hearth are answered by the gateway itself' : undefined;
}

const whyNotPlain = (name: string): string | undefined =>
  projectOf(name) === defaultProject
    ? undefined
    : 'outside of the default project the first segment must be plain text';
