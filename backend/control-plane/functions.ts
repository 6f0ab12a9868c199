import type { UpdateFunction } from '../../shared/api/functions.ts';
import type { FunctionId } from '../../shared/ids.ts';
import { projectOf } from '../../shared/names.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Page, PageRequest, ScheduleRecord, Store } from '../core/ports/store.ts';
import type { ChangeLock } from '../util/change-lock.ts';
import { type Actor, auditRecord } from './audit.ts';
import { auditedFunction, auditedRoutes, auditedSchedules, changed } from './audited.ts';
import { checkRevision } from './deployments.ts';
import type { FunctionEntry, InMemoryFunctionDirectory } from './function-directory.ts';
import type { Rollout } from './rollout.ts';
import { checkTriggerAliases, routeRecords, scheduleRecords } from './triggers.ts';

export interface FunctionsOptions {
  readonly store: Store;
  readonly directory: InMemoryFunctionDirectory;
  readonly rollout: Rollout;
  readonly lock: ChangeLock;
  readonly clock: Clock;
}

/** Reads, changes and deletes functions. What code they run is the matter of `Deployments` and `Aliases`. */
export class Functions {
  readonly #options: FunctionsOptions;

  constructor(options: FunctionsOptions) {
    this.#options = options;
  }

  /** Throws `not_found`/`function_not_found`. */
  get(name: string): FunctionEntry {
    return this.#options.directory.get(name);
  }

  /** Of one project by name; `search` is a plain substring of short name, description or tag. */
  async list(project: string, page: PageRequest, search?: string): Promise<Page<FunctionEntry>> {
    const { store, directory } = this.#options;
    const { items, nextCursor } = await store.functions.list(page, search, project);
    return {
      items: items.map((record) => directory.byId(record.id)).filter((entry) => entry !== undefined),
      nextCursor,
    };
  }

  schedulesOf(id: FunctionId): Promise<readonly ScheduleRecord[]> {
    return this.#options.store.schedules.list(id);
  }

  /**
   * Changes description, tags, routes, schedules, or whether it is enabled. Rejects with `precondition_failed` when
   * `expectedRevision` differs, `conflict`/`route_taken`, `invalid_request` (`bad_route`, `bad_schedule`).
   */
  async update(
    name: string,
    input: UpdateFunction,
    expectedRevision: number | undefined,
    actor: Actor,
  ): Promise<FunctionEntry> {
    const { store, directory, rollout, lock, clock } = this.#options;
    return lock.run(async () => {
      const { record, aliases, routes: current } = directory.get(name);
      checkRevision(record, expectedRevision);
      const routes = input.routes && routeRecords(record.id, input.routes);
      const schedules = input.schedules && scheduleRecords(record.id, input.schedules, clock.now());
      if (routes !== undefined) directory.checkRoutes(name, routes);
      checkTriggerAliases([...(routes ?? []), ...(schedules ?? [])], new Set(aliases.keys()), name);
      const updated = await store.transaction(async (tx) => {
        const planned = await tx.schedules.list(record.id);
        const changedRecord = await tx.functions.update(record.id, expectedRevision, recordChange(input), clock.now());
        if (routes !== undefined) await tx.routes.replace(record.id, routes);
        if (schedules !== undefined) await tx.schedules.replace(record.id, schedules);
        const detail = changed(
          { ...auditedFunction(record), routes: auditedRoutes(current), schedules: auditedSchedules(planned) },
          {
            ...auditedFunction(changedRecord),
            routes: auditedRoutes(routes ?? current),
            schedules: auditedSchedules(schedules ?? planned),
          },
        );
        await tx.audit.append(auditRecord(clock.now(), actor, 'function.update', name, detail));
        return changedRecord;
      });
      const before = directory.referenced(record.id);
      const entry = directory.apply(routes === undefined ? { record: updated } : { record: updated, routes });
      rollout.afterChange(record.id, before);
      return entry;
    });
  }

  /** Deletes a function with versions, aliases, routes and schedules. Its invocations and logs stay until they expire. */
  async remove(name: string, expectedRevision: number | undefined, actor: Actor): Promise<void> {
    const { store, directory, rollout, lock, clock } = this.#options;
    await lock.run(async () => {
      const { record, routes } = directory.get(name);
      checkRevision(record, expectedRevision);
      const before = { id: record.id, ...auditedFunction(record), routes: auditedRoutes(routes) };
      await store.transaction(async (tx) => {
        await tx.functions.remove(record.id, expectedRevision);
        await tx.builds.removeOf({ project: projectOf(name), functionName: name });
        await tx.audit.append(auditRecord(clock.now(), actor, 'function.delete', name, { before }));
      });
      directory.remove(record.id);
      rollout.afterRemoval(record.id);
    });
  }
}

function recordChange(input: UpdateFunction) {
  return {
    ...(input.description === undefined ? {} : { description: input.description }),
    ...(input.tags === undefined ? {} : { tags: [...new Set(input.tags)] }),
    ...(input.enabled === undefined ? {} : { isEnabled: input.enabled }),
  };
}
