import type { FunctionId, InvocationId } from '../../../shared/ids.ts';
import type { LogFilterTerms } from '../../../shared/log-filter.ts';
import type { LogEntry } from './log-sink.ts';

export interface StoredLogLine extends LogEntry {
  /** Ascending in the order of arrival. */
  readonly seq: number;
}

/** Which lines; all that is given has to hold. */
export interface LogLineFilter {
  readonly project?: string | undefined;
  readonly functionId: FunctionId | undefined;
  readonly invocationId: InvocationId | undefined;
  readonly levels: readonly LogEntry['level'][] | undefined;
  readonly search: string | undefined;
  readonly since: number | undefined;
  readonly until: number | undefined;
  /** More that has to hold; its `functionName` is not looked at. */
  readonly terms?: LogFilterTerms | undefined;
}

/** A page of lines. */
export interface LogPageFilter extends LogLineFilter {
  readonly afterSeq: number | undefined;
  /** Only lines before this one. */
  readonly beforeSeq?: number | undefined;
  readonly limit: number;
  /** How many lines are looked at, matching or not; 50,000 when left out. */
  readonly maxLookedAt?: number | undefined;
  readonly fromEnd: boolean;
}

/** Lines over time. */
export interface LogCountFilter extends LogLineFilter {
  /** Both included, and widened to whole steps. */
  readonly since: number;
  readonly until: number;
  /** The step is the shortest of which no more than so many are needed. */
  readonly maxSteps: number;
  /** How many lines, or counts of a minute, are looked at; 30,000 and 200,000 when left out. */
  readonly maxLookedAt?: number | undefined;
}

export interface LogCounts {
  /** Half open, whole steps. */
  readonly from: number;
  readonly to: number;
  readonly stepMs: number;
  /** Ascending in time; what had no lines is left out. `at` is the start of the step. */
  readonly counts: readonly { readonly at: number; readonly level: LogEntry['level']; readonly count: number }[];
  /** What is before this was not counted. Undefined: all was. */
  readonly countedFrom: number | undefined;
  /** The newest line that was there, whether it was counted or not; 0 when there was none. */
  readonly lastSeq: number;
}

export interface LogStore {
  append(lines: readonly StoredLogLine[]): Promise<void>;
  /** The highest `seq` stored, 0 when empty. */
  lastSeq(): Promise<number>;
  /**
   * Ascending by `seq`. With `fromEnd`, the newest `limit` lines that match. Of a store of any size only so many lines are
   * looked at: where fewer than `limit` were found among them, the answer says where to go on.
   */
  query(filter: LogPageFilter): Promise<LogSearch>;
  /**
   * How many lines there are over time, by level. The lines of a function or a project are counted when they are stored; with
   * a filter that asks for more than level, version or stream they are looked at, the newest first and only so many.
   */
  count(filter: LogCountFilter): Promise<LogCounts>;
  prune(before: number): Promise<number>;
}
export interface LogSearch {
  readonly lines: readonly StoredLogLine[];
  /** The rest was not looked at: go on with this as `beforeSeq` (with `fromEnd`) or as `afterSeq`. Undefined: that was all. */
  readonly stoppedAt: number | undefined;
}
