import type { ErrorGroupState } from '../../../shared/api/error-groups.ts';
import type { Branded, FunctionId, InvocationId } from '../../../shared/ids.ts';
import type { Page, PageRequest } from './store.ts';

/** `err_` and 24 hex digits of a digest of function, type, message and top frame. */
export type ErrorGroupId = Branded<'error-group'>;
export const errorGroupIdPattern = /^err_[0-9a-f]{24}$/;

/** Failures that look the same, of one function. */
export interface ErrorGroupRecord {
  readonly id: ErrorGroupId;
  readonly functionId: FunctionId;
  /** The full name. */
  readonly functionName: string;
  readonly type: string;
  /** Of the newest failure, as it was. */
  readonly message: string;
  /** Where it was thrown, for example `handler (index.ts)`; empty when no stack says so. */
  readonly frame: string;
  readonly stack: string;
  readonly count: number;
  readonly firstSeenAt: number;
  readonly lastSeenAt: number;
  /** Of the failure seen first, and of the one seen last; 0 where it is not known. */
  readonly firstVersion: number;
  readonly lastVersion: number;
  readonly lastInvocationId: InvocationId;
  readonly state: ErrorGroupState;
  readonly stateAt: number;
}

/** What is counted: so many failures of a group, in one version, in one hour. */
export interface ErrorTally {
  readonly version: number;
  /** Start of the hour, Clock.now ms. */
  readonly hourAt: number;
  readonly count: number;
}

/** New failures of one group, gathered over a second or so. */
export interface ErrorOccurrences extends Omit<ErrorGroupRecord, 'state' | 'stateAt'> {
  readonly tallies: readonly ErrorTally[];
}

export interface ErrorGroupFilter {
  readonly project: string;
  readonly functionId: FunctionId | undefined;
  readonly state: ErrorGroupState | undefined;
}

export interface ErrorGroupStore {
  /** Adds to groups or makes them, all in one transaction. A resolved group that fails again is open again. */
  add(batch: readonly ErrorOccurrences[]): Promise<void>;
  /** The one seen last first. */
  list(filter: ErrorGroupFilter, page: PageRequest): Promise<Page<ErrorGroupRecord>>;
  /** Undefined also for a group of another project. */
  find(project: string, id: ErrorGroupId): Promise<ErrorGroupRecord | undefined>;
  /** Per group, oldest hour first, from `from` on. */
  tallies(ids: readonly ErrorGroupId[], from: number): Promise<ReadonlyMap<ErrorGroupId, readonly ErrorTally[]>>;
  /** Undefined when the project has no such group. */
  setState(
    project: string,
    id: ErrorGroupId,
    state: ErrorGroupState,
    now: number,
  ): Promise<ErrorGroupRecord | undefined>;
  /** Deletes groups that were not seen since, and the tallies of earlier hours; returns how many groups went. */
  prune(before: number): Promise<number>;
}
