import type { BuildSource } from '../../shared/api/builds.ts';
import type { CreateFunction, CreateVersion } from '../../shared/api/functions.ts';
import { PlatformError } from '../../shared/errors.ts';
import { newId } from '../../shared/ids.ts';
import { shortNameOf } from '../../shared/names.ts';
import type { VersionConfig } from '../../shared/version-config.ts';
import type { StoredBuild } from '../core/ports/build-store.ts';
import type { BundleSource } from '../core/ports/bundle-builder.ts';
import type { Clock } from '../core/ports/clock.ts';
import type {
  AliasRecord,
  FunctionRecord,
  RouteRecord,
  ScheduleRecord,
  Store,
  VersionRecord,
} from '../core/ports/store.ts';
import type { ChangeLock } from '../util/change-lock.ts';
import type { ActiveBuild } from './active-build.ts';
import { type Actor, auditRecord } from './audit.ts';
import { auditedConfig, auditedFunction, auditedRoutes, auditedSchedules, changed } from './audited.ts';
import { type Builds, type StartedBuild, storeEnd } from './builds.ts';
import type { BundleGate } from './bundle-gate.ts';
import type { FunctionEntry, InMemoryFunctionDirectory } from './function-directory.ts';
import type { HostInventory } from './host-inventory.ts';
import type { Reservations } from './reservations.ts';
import type { Rollout } from './rollout.ts';
import type { Secrets } from './secrets.ts';
import { checkTriggerAliases, routeRecords, scheduleRecords } from './triggers.ts';
import { type Code, codeMissing, type VersionCode } from './version-code.ts';
import { resolveConfig } from './version-config.ts';

export interface DeploymentsOptions {
  readonly store: Store;
  readonly directory: InMemoryFunctionDirectory;
  readonly code: Pick<VersionCode, 'make'>;
  readonly builds: Pick<Builds, 'start'>;
  readonly gate: BundleGate;
  readonly inventory: HostInventory;
  readonly rollout: Rollout;
  readonly reservations: Pick<Reservations, 'refuseOverbooking'>;
  readonly lock: ChangeLock;
  readonly secrets: Pick<Secrets, 'refuseMissing'>;
  readonly clock: Clock;
}

/** A version that is deployed, and its function as it is now. */
export interface Deployment {
  readonly entry: FunctionEntry;
  readonly version: VersionRecord;
  /** What the build and the checks of the host said. */
  readonly buildLog: readonly string[];
}

/** A version that may be built. */
export interface PlannedVersion {
  readonly before: FunctionEntry;
  readonly latest: VersionRecord | undefined;
  readonly config: VersionConfig;
  /** Undefined: they stay. */
  readonly routes: readonly RouteRecord[] | undefined;
  readonly schedules: readonly ScheduleRecord[] | undefined;
  readonly warnings: readonly string[];
}

export interface DeployContext {
  readonly actor: Actor;
  /** Aborts when the caller is gone; undefined when nobody waits, and the build goes on by itself. */
  readonly signal: AbortSignal | undefined;
  readonly source: BuildSource;
  /** The function's revision that the caller saw, from `If-Match`. */
  readonly expectedRevision?: number | undefined;
}

/**
 * Creates functions and versions. A deploy is one transaction after a build that has no effect on anything: until it commits
 * the old version serves, and after it the new one does.
 */
export class Deployments {
  readonly #options: DeploymentsOptions;

  constructor(options: DeploymentsOptions) {
    this.#options = options;
  }

  /**
   * Begins to create a function with its first version. `source` is undefined when the caller sent no code. Rejects at once with
   * `conflict` (`name_taken`, `route_taken`), `invalid_request` (`code_missing`, `bad_route`, `bad_schedule`, …),
   * `unprocessable` (what the host cannot run); the build with `unprocessable`/`build_failed` with detail {buildLog},
   * `conflict`/`build_cancelled`, and what has become true meanwhile.
   */
  async createFunction(
    input: CreateFunction,
    source: BundleSource | undefined,
    context: DeployContext,
  ): Promise<StartedBuild<Deployment>> {
    const { directory, clock, gate, lock, code } = this.#options;
    this.#refuseTakenName(input.name);
    const { config, chosen } = resolveConfig(input, undefined, this.#options.inventory.defaultIsolation);
    const record: FunctionRecord = {
      id: newId('function'),
      name: input.name,
      description: input.description ?? '',
      tags: [...new Set(input.tags ?? [])],
      isEnabled: true,
      latestVersion: 1,
      createdAt: clock.now(),
      updatedAt: clock.now(),
      revision: 1,
    };
    const routes = routeRecords(record.id, input.routes ?? []);
    const schedules = scheduleRecords(record.id, input.schedules ?? [], clock.now());
    const aliasNames = new Set(input.promote === false ? [] : ['live']);
    directory.checkRoutes(input.name, routes);
    checkTriggerAliases([...routes, ...schedules], aliasNames, input.name);
    const refuse = () => this.#refuse(record, config, input.promote !== false);
    refuse();
    const warnings = await this.#options.inventory.check(config, chosen);
    if (source === undefined && config.image === null) throw codeMissing();
    return await this.#build(input.name, input.message, context, (build) =>
      gate.deploy(async () => {
        const { log, ...made } = await code.make(
          input.name,
          { source, latest: undefined, config },
          build,
          build.signal,
        );
        const version = this.#versionRecord(record, 1, made, input.message, context.actor);
        beginActivation(build, warnings);
        return lock.run(async () => {
          build.refuseCancelled();
          this.#refuseTakenName(input.name);
          directory.checkRoutes(input.name, routes);
          refuse();
          const entry = await this.#commitCreate(build, record, version, routes, schedules, aliasNames, context);
          return { entry, version, buildLog: [...log, ...warnings] };
        });
      }),
    );
  }

  /**
   * Begins to add a version to a function. Settings that are left out are those of the latest version; without code the latest
   * version's bundle is used again, as long as runtime and handler stay the same. `promote` (the default) moves `live`.
   * Rejects as `createFunction`.
   */
  async createVersion(
    name: string,
    input: CreateVersion,
    source: BundleSource | undefined,
    context: DeployContext,
  ): Promise<StartedBuild<Deployment>> {
    const { directory, gate, lock, code } = this.#options;
    const planned = await this.planVersion(name, input, context.expectedRevision);
    const { before, latest, config, routes, schedules, warnings } = planned;
    return await this.#build(name, input.message, context, (build) =>
      gate.deploy(async () => {
        const { log, ...made } = await code.make(name, { source, latest, config }, build, build.signal);
        beginActivation(build, warnings);
        return lock.run(async () => {
          build.refuseCancelled();
          const current = directory.get(name);
          if (current.record.id !== before.record.id) throw changedMeanwhile(name);
          checkRevision(current.record, context.expectedRevision);
          if (routes !== undefined) directory.checkRoutes(name, routes);
          this.#refuse(before.record, config, input.promote !== false);
          const number = current.record.latestVersion + 1;
          const version = this.#versionRecord(current.record, number, made, input.message, context.actor);
          const entry = await this.#commitVersion(build, current, version, routes, schedules, {
            ...context,
            isPromoted: input.promote !== false,
          });
          return { entry, version, buildLog: [...log, ...warnings] };
        });
      }),
    );
  }

  /** What a new version would be, as far as that is known without its code; changes nothing. Rejects as `createVersion` does before it builds. */
  async planVersion(name: string, input: CreateVersion, expectedRevision?: number): Promise<PlannedVersion> {
    const { directory, clock, inventory } = this.#options;
    const before = directory.get(name);
    checkRevision(before.record, expectedRevision);
    const latest = before.versions.get(before.record.latestVersion);
    const { config, chosen } = resolveConfig(input, latest?.config, inventory.defaultIsolation);
    const routes = input.routes && routeRecords(before.record.id, input.routes);
    const schedules = input.schedules && scheduleRecords(before.record.id, input.schedules, clock.now());
    if (routes !== undefined) directory.checkRoutes(name, routes);
    refuseMissingAliases(before, { routes, schedules }, input.promote !== false);
    this.#refuse(before.record, config, input.promote !== false);
    const warnings = await inventory.check(config, chosen);
    return { before, latest, config, routes, schedules, warnings };
  }

  #build(
    functionName: string,
    message: string | undefined,
    { actor, source, signal }: DeployContext,
    work: (build: ActiveBuild) => Promise<Deployment>,
  ): Promise<StartedBuild<Deployment>> {
    const request = { functionName, message: message ?? '', by: actor.name, source, signal };
    return this.#options.builds.start(request, work);
  }

  async #commitCreate(
    build: ActiveBuild,
    record: FunctionRecord,
    version: VersionRecord,
    routes: readonly RouteRecord[],
    schedules: readonly ScheduleRecord[],
    aliasNames: ReadonlySet<string>,
    { actor }: DeployContext,
  ): Promise<FunctionEntry> {
    const { store, directory, rollout, clock } = this.#options;
    const { aliases, ended } = await store.transaction(async (tx) => {
      await tx.functions.create(record);
      await tx.versions.create(version);
      const made: AliasRecord[] = [];
      for (const name of aliasNames) made.push(await deployTo(tx, version, name, []));
      await tx.routes.replace(record.id, routes);
      await tx.schedules.replace(record.id, schedules);
      const triggers = { routes: auditedRoutes(routes), schedules: auditedSchedules(schedules) };
      const after = { ...auditedFunction(record), digest: version.digest, config: auditedConfig(version.config) };
      const detail = { version: 1, after: { ...after, ...triggers } };
      await tx.audit.append(auditRecord(clock.now(), actor, 'function.create', record.name, detail));
      return { aliases: made, ended: await storeReady(tx, build, version) };
    });
    const entry = directory.apply({ record, addedVersions: [version], aliases, routes });
    rollout.afterChange(record.id, []);
    build.end(ended);
    return entry;
  }

  async #commitVersion(
    build: ActiveBuild,
    current: FunctionEntry,
    version: VersionRecord,
    routes: readonly RouteRecord[] | undefined,
    schedules: readonly ScheduleRecord[] | undefined,
    { actor, expectedRevision, isPromoted }: DeployContext & { readonly isPromoted: boolean },
  ): Promise<FunctionEntry> {
    const { store, directory, rollout, clock } = this.#options;
    const { id, name } = current.record;
    refuseMissingAliases(current, { routes, schedules }, isPromoted);
    const { record, aliases, ended } = await store.transaction(async (tx) => {
      const updated = await tx.functions.update(id, expectedRevision, { latestVersion: version.version }, clock.now());
      await tx.versions.create(version);
      const present = current.aliases.get('live')?.versions ?? [];
      const live = isPromoted ? await deployTo(tx, version, 'live', present) : undefined;
      if (routes !== undefined) await tx.routes.replace(id, routes);
      if (schedules !== undefined) await tx.schedules.replace(id, schedules);
      const latest = current.versions.get(current.record.latestVersion);
      const described = (of: VersionRecord) => ({
        version: of.version,
        digest: of.digest,
        config: auditedConfig(of.config),
      });
      const { before, after } =
        latest === undefined
          ? { before: {}, after: described(version) }
          : changed(described(latest), described(version));
      const detail = { version: version.version, promoted: isPromoted, before, after };
      await tx.audit.append(auditRecord(clock.now(), actor, 'version.create', name, detail));
      const others = [...current.aliases.values()].filter((alias) => alias.name !== live?.name);
      const stored = await storeReady(tx, build, version);
      return { record: updated, aliases: live === undefined ? others : [...others, live], ended: stored };
    });
    const before = directory.referenced(id);
    const stored = routes === undefined ? {} : { routes };
    const entry = directory.apply({ record, addedVersions: [version], aliases, ...stored });
    rollout.afterChange(id, before);
    build.end(ended);
    return entry;
  }

  #versionRecord(
    owner: FunctionRecord,
    version: number,
    { bundle, config }: Code,
    message: string | undefined,
    actor: Actor,
  ): VersionRecord {
    return {
      id: newId('version'),
      functionId: owner.id,
      version,
      ...bundle,
      config,
      message: message ?? '',
      createdAt: this.#options.clock.now(),
      createdBy: actor.name,
    };
  }

  /** What the function cannot have now: looked at before the build, which takes long, and again under the lock. */
  #refuse({ id, name }: FunctionRecord, config: VersionConfig, isPromoted: boolean): void {
    const { secrets, reservations } = this.#options;
    secrets.refuseMissing(name, config);
    if (isPromoted) reservations.refuseOverbooking(id, [config]);
  }

  #refuseTakenName(name: string): void {
    if (this.#options.directory.find(name) === undefined) return;
    throw new PlatformError(
      'conflict',
      'name_taken',
      `there is a function ${shortNameOf(name)} already; deploy a new version of it, or choose another name`,
    );
  }
}

/** Triggers that a new version brings may name what the function has, and `live` when it is moved there. */
function refuseMissingAliases(
  { record, aliases }: FunctionEntry,
  { routes, schedules }: Pick<PlannedVersion, 'routes' | 'schedules'>,
  isPromoted: boolean,
): void {
  const names = new Set([...aliases.keys(), ...(isPromoted ? ['live'] : [])]);
  checkTriggerAliases([...(routes ?? []), ...(schedules ?? [])], names, record.name);
}

function beginActivation(build: ActiveBuild, warnings: readonly string[]): void {
  build.step('activate');
  for (const warning of warnings) build.line(warning);
}

/** With the version, so that a platform that is killed has both or none. */
async function storeReady(
  tx: Pick<Store, 'builds'>,
  build: ActiveBuild,
  { version }: VersionRecord,
): Promise<StoredBuild> {
  const record = build.over('ready', { version, error: undefined });
  await storeEnd(tx, record, build.lines);
  return record;
}

/** Moves an alias to a new version, with its deployment. */
async function deployTo(
  tx: Pick<Store, 'aliases'>,
  { functionId, version, createdAt: at, createdBy: by, message: reason }: VersionRecord,
  alias: string,
  before: AliasRecord['versions'],
): Promise<AliasRecord> {
  const after = [{ version, weight: 1 }];
  await tx.aliases.noteMove({ functionId, alias, kind: 'deploy', before, after, by, reason, at });
  return await tx.aliases.put({ functionId, name: alias, versions: after, updatedAt: at }, undefined);
}

/** The function is not the one any more that was there before a build. */
export function changedMeanwhile(name: string): PlatformError {
  return new PlatformError(
    'conflict',
    'changed_meanwhile',
    `function ${shortNameOf(name)} was deleted and created again while this version was being built; deploy again`,
  );
}

/** Throws `precondition_failed`/`etag_mismatch` when the caller saw another revision. */
export function checkRevision(record: { readonly revision: number }, expected: number | undefined): void {
  if (expected === undefined || expected === record.revision) return;
  throw new PlatformError(
    'precondition_failed',
    'etag_mismatch',
    'it was changed by somebody else meanwhile; read it again and repeat the change',
  );
}
