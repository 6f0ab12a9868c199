import type { EgressRefusalReason } from '../../../shared/egress.ts';
import type { FunctionId } from '../../../shared/ids.ts';

/** Attempts of one function to reach one host that were refused for one reason. */
export interface EgressRefusals {
  readonly functionId: FunctionId;
  /** `host:port` as it was asked for; what is beyond the number of hosts that are told apart goes by `otherHosts`. */
  readonly host: string;
  readonly reason: EgressRefusalReason;
  /** Of the newest attempt. */
  readonly version: number;
  readonly count: number;
  /** Clock.now ms. */
  readonly firstAt: number;
  readonly lastAt: number;
}

/** Stands for hosts that are not told apart; no host is called so. */
export const otherHosts = '*';

export interface EgressRefusalStore {
  /** Adds to what is known of a function, host and reason, all in one transaction. */
  add(batch: readonly EgressRefusals[]): Promise<void>;
  /** The newest `limit` of one function, the last attempt first. */
  list(functionId: FunctionId, limit: number): Promise<readonly EgressRefusals[]>;
  /** Deletes what was not tried since; returns how many rows went. */
  prune(before: number): Promise<number>;
}
