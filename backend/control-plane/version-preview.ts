import type { CreateVersion } from '../../shared/api/functions.ts';
import { changedFields, type FieldChange } from '../../shared/version-changes.ts';
import type { RouteRecord, ScheduleRecord, Store } from '../core/ports/store.ts';
import type { Deployments } from './deployments.ts';

export interface VersionPreviewOptions {
  readonly store: Pick<Store, 'schedules'>;
  readonly deployments: Pick<Deployments, 'planVersion'>;
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
    const { deployments, store } = this.#options;
    const { before, latest, config, routes, schedules, warnings } = await deployments.planVersion(name, input);
    const present = await store.schedules.list(before.record.id);
    const now = { ...latest?.config, ...triggers(before.routes, present) };
    const then = { ...config, ...triggers(routes ?? before.routes, schedules ?? present) };
    return { fields: changedFields(now, then), warnings };
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
