import type { CreateVersion } from '../../shared/api/functions.ts';
import { changedFields, type FieldChange } from '../../shared/version-changes.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { RouteRecord, ScheduleRecord, Store } from '../core/ports/store.ts';
import type { InMemoryFunctionDirectory } from './function-directory.ts';
import type { HostInventory } from './host-inventory.ts';
import type { Secrets } from './secrets.ts';
import { routeRecords, scheduleRecords } from './triggers.ts';
import { resolveConfig } from './version-config.ts';

export interface VersionPreviewOptions {
  readonly store: Pick<Store, 'schedules'>;
  readonly directory: InMemoryFunctionDirectory;
  readonly inventory: Pick<HostInventory, 'check' | 'defaultIsolation'>;
  readonly secrets: Pick<Secrets, 'refuseMissing'>;
  readonly clock: Clock;
}

export interface Preview {
  /** Settings, routes and schedules that would be others, by their dotted names. Values of variables are fingerprints. */
  readonly fields: readonly FieldChange[];
  /** As a deployment would give them. */
  readonly warnings: readonly string[];
}

/** Says what a deployment would change, by the same rules, without building or changing anything. */
export class VersionPreview {
  readonly #options: VersionPreviewOptions;

  constructor(options: VersionPreviewOptions) {
    this.#options = options;
  }

  /** Rejects as a deployment of this configuration would, but for what its code is the reason of. */
  async of(name: string, input: CreateVersion): Promise<Preview> {
    const { directory, inventory, secrets, store, clock } = this.#options;
    const { record, versions, routes } = directory.get(name);
    const latest = versions.get(record.latestVersion);
    const { config, chosen } = resolveConfig(input, latest?.config, inventory.defaultIsolation);
    const nextRoutes = input.routes && routeRecords(record.id, input.routes);
    if (nextRoutes !== undefined) directory.checkRoutes(name, nextRoutes);
    const schedules = await store.schedules.list(record.id);
    const nextSchedules = input.schedules && scheduleRecords(record.id, input.schedules, clock.now());
    secrets.refuseMissing(name, config);
    const warnings = await inventory.check(config, chosen);
    const before = { ...latest?.config, ...triggers(routes, schedules) };
    const after = { ...config, ...triggers(nextRoutes ?? routes, nextSchedules ?? schedules) };
    return { fields: changedFields(before, after), warnings };
  }
}

/** By what names them, so that their order means nothing. */
function triggers(routes: readonly RouteRecord[], schedules: readonly ScheduleRecord[]) {
  return {
    routes: Object.fromEntries(
      routes.map(({ path, methods, alias }) => [
        methods.length === 0 ? path : `${methods.toSorted().join(',')} ${path}`,
        alias,
      ]),
    ),
    schedules: Object.fromEntries(
      schedules.map(({ name, cron, timeZone, payload, alias, misfire, isEnabled }) => [
        name,
        { cron, timeZone, payload, alias, misfire, enabled: isEnabled },
      ]),
    ),
  };
}
