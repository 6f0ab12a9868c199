import type { BuildFailure, BuildSource, BuildState, BuildStepName } from '../../../shared/api/builds.ts';
import type { ErrorKind } from '../../../shared/errors.ts';
import type { BuildId } from '../../../shared/ids.ts';
import type { Page, PageRequest } from './store.ts';

/** One part of a build. Times are Clock.now ms. */
export interface StoredStep {
  readonly name: BuildStepName;
  readonly startedAt: number;
  /** Undefined while it runs. */
  readonly finishedAt: number | undefined;
}

/** Why nothing came of a build. */
export interface StoredFailure extends Omit<BuildFailure, 'status'> {
  readonly kind: ErrorKind;
}

/** How a version came about, or did not. */
export interface StoredBuild {
  readonly id: BuildId;
  /** The full name; there may be no such function yet. */
  readonly functionName: string;
  readonly state: BuildState;
  readonly steps: readonly StoredStep[];
  readonly createdAt: number;
  readonly finishedAt: number | undefined;
  readonly createdBy: string;
  readonly source: BuildSource;
  readonly message: string;
  readonly version: number | undefined;
  readonly error: StoredFailure | undefined;
}

/** A line of a build's log, in order; the first is number 1. */
export interface StoredLine {
  readonly step: BuildStepName | undefined;
  readonly at: number;
  readonly text: string;
}

export interface BuildFilter {
  readonly project: string;
  /** The full name; undefined: of all. */
  readonly functionName?: string | undefined;
}

export interface BuildListFilter extends BuildFilter {
  /** Only of names that no function has, and of each the newest. */
  readonly isWithoutFunction?: boolean | undefined;
}

export interface BuildStore {
  create(record: StoredBuild): Promise<void>;
  /** Writes how it ended, with its log. False when it is gone meanwhile. */
  finish(record: StoredBuild, log: readonly StoredLine[]): Promise<boolean>;
  /** One of another project is not there. */
  find(project: string, id: BuildId): Promise<StoredBuild | undefined>;
  /** Empty until it ended. */
  log(id: BuildId): Promise<readonly StoredLine[]>;
  /** Newest first. */
  list(filter: BuildListFilter, page: PageRequest): Promise<Page<StoredBuild>>;
  /** Those that were not written as over. */
  unfinished(): Promise<readonly StoredBuild[]>;
  /** All of a function, or of a project. */
  removeOf(filter: BuildFilter): Promise<void>;
  /** Deletes all of a function that are over but the newest `count`. */
  keepNewest(functionName: string, count: number): Promise<void>;
  /** Deletes those that were over before this. Works in small steps; returns how many. */
  prune(before: number): Promise<number>;
}
