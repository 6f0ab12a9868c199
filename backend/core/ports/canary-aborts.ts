import type { FunctionId } from '../../../shared/ids.ts';

/** The platform took the traffic of an alias back from a canary that failed more than the stable version. Never changes. */
export interface CanaryAbortRecord {
  readonly functionId: FunctionId;
  readonly alias: string;
  /** The version that failed. */
  readonly version: number;
  /** The one that has the traffic since. */
  readonly stable: number;
  /** For people. */
  readonly reason: string;
  /** Clock.now ms. */
  readonly at: number;
}

export interface CanaryAbortQuery {
  /** Undefined: of all functions. */
  readonly functionId: FunctionId | undefined;
  /** Included, ms. */
  readonly from: number;
  /** Not included, ms. */
  readonly to: number;
  readonly limit: number;
}

export interface CanaryAbortStore {
  /** Inside the transaction that moves the alias. */
  add(record: CanaryAbortRecord): Promise<void>;
  /** The newest first. */
  list(query: CanaryAbortQuery): Promise<readonly CanaryAbortRecord[]>;
  /** Deletes what is older; returns how many rows went. */
  prune(before: number): Promise<number>;
}
