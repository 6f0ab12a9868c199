import type { ErrorGroupState } from '../../shared/api/error-groups.ts';
import { hourMs } from '../../shared/durations.ts';
import { PlatformError } from '../../shared/errors.ts';
import type { FunctionId } from '../../shared/ids.ts';
import { shortNameOf } from '../../shared/names.ts';
import type { Clock } from '../core/ports/clock.ts';
import {
  type ErrorGroupId,
  type ErrorGroupRecord,
  type ErrorTally,
  errorGroupIdPattern,
} from '../core/ports/error-groups.ts';
import type { Page, PageRequest, Store } from '../core/ports/store.ts';
import { type Actor, auditRecord } from './audit.ts';
import { type InMemoryFunctionDirectory, liveVersionOf } from './function-directory.ts';

export interface ErrorGroupsOptions {
  readonly store: Pick<Store, 'errorGroups' | 'audit' | 'transaction'>;
  readonly directory: InMemoryFunctionDirectory;
  readonly clock: Clock;
}

/** A group with its failures per version and hour of the last day. */
export interface TalliedErrorGroup extends ErrorGroupRecord {
  readonly tallies: readonly ErrorTally[];
  /** That its function runs now. */
  readonly liveVersion: number | undefined;
}

/** Failures that look the same, and what was decided about them. */
export class ErrorGroups {
  readonly #options: ErrorGroupsOptions;

  constructor(options: ErrorGroupsOptions) {
    this.#options = options;
  }

  /** The start of the first of the 24 hours that tallies cover. */
  get talliedFrom(): number {
    return Math.floor(this.#options.clock.now() / hourMs) * hourMs - 23 * hourMs;
  }

  /** The one seen last first. Throws `not_found`/`function_not_found`. */
  async list(
    project: string,
    functionName: string | undefined,
    state: ErrorGroupState | undefined,
    page: PageRequest,
  ): Promise<Page<TalliedErrorGroup>> {
    const { store, directory } = this.#options;
    const functionId = functionName === undefined ? undefined : directory.get(functionName).record.id;
    const { items, nextCursor } = await store.errorGroups.list({ project, functionId, state }, page);
    return { items: await this.#withTallies(items), nextCursor };
  }

  /** Rejects with `not_found`/`error_group_not_found`. */
  async get(project: string, id: string): Promise<TalliedErrorGroup> {
    const { store } = this.#options;
    const group = errorGroupIdPattern.test(id) ? await store.errorGroups.find(project, id as ErrorGroupId) : undefined;
    return this.#tallied(group);
  }

  /** Rejects with `not_found`/`error_group_not_found`. */
  async setState(project: string, id: string, state: ErrorGroupState, actor: Actor): Promise<TalliedErrorGroup> {
    const { store, clock } = this.#options;
    const now = clock.now();
    const group = await store.transaction(async (tx) => {
      const before = errorGroupIdPattern.test(id) ? await tx.errorGroups.find(project, id as ErrorGroupId) : undefined;
      const after = before && (await tx.errorGroups.setState(project, before.id, state, now));
      if (before === undefined || after === undefined) return undefined;
      const about = { function: shortNameOf(after.functionName), type: after.type };
      const detail = { ...about, before: { state: before.state }, after: { state } };
      await tx.audit.append(auditRecord(now, actor, 'error-group.update', id, detail));
      return after;
    });
    return this.#tallied(group);
  }

  async #tallied(group: ErrorGroupRecord | undefined): Promise<TalliedErrorGroup> {
    const [tallied] = group === undefined ? [] : await this.#withTallies([group]);
    if (tallied !== undefined) return tallied;
    throw new PlatformError(
      'not_found',
      'error_group_not_found',
      'there is no such group of errors; it may have expired',
    );
  }

  async #withTallies(groups: readonly ErrorGroupRecord[]): Promise<readonly TalliedErrorGroup[]> {
    const ids = groups.map((group) => group.id);
    const tallies = await this.#options.store.errorGroups.tallies(ids, this.talliedFrom);
    return groups.map((group) => ({
      ...group,
      tallies: tallies.get(group.id) ?? [],
      liveVersion: this.#liveVersionOf(group.functionId),
    }));
  }

  #liveVersionOf(id: FunctionId): number | undefined {
    const entry = this.#options.directory.byId(id);
    return entry && liveVersionOf(entry);
  }
}
