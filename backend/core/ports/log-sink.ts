import type { LogLine, LogQuery } from '../../../shared/api/invocations.ts';
import type { LogHistogram, LogHistogramQuery } from '../../../shared/api/log-histogram.ts';
import type { FunctionId, InstanceId, InvocationId } from '../../../shared/ids.ts';
import type { LogFilterTerms } from '../../../shared/log-filter.ts';

export interface LogEntry {
  readonly at: number;
  readonly functionId: FunctionId;
  readonly functionName: string;
  readonly version: number;
  readonly invocationId: InvocationId | undefined;
  readonly instanceId: InstanceId | undefined;
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly stream: 'stdout' | 'stderr' | 'platform';
  readonly text: string;
}

/** Takes log lines. Synchronous, never throws, bounded: over the limit the oldest unwritten lines go, and a line says how many. */
export interface LogSink {
  append(entry: LogEntry): void;
  flush(): Promise<void>;
}

/** Whose lines, and what else has to hold; the function that `terms` may name is `functionId`. */
export interface LogScope {
  readonly project: string;
  readonly functionId: FunctionId | undefined;
  readonly terms?: LogFilterTerms | undefined;
}

export interface LogFilter extends Omit<LogScope, 'project'> {
  readonly project: string | undefined;
  readonly invocationId: InvocationId | undefined;
  readonly level: LogLine['level'] | undefined;
  readonly search: string | undefined;
}

export interface FoundLogLines {
  readonly items: readonly LogLine[];
  /** Newer lines may be found with this `cursor`; null: there are none now, or the page was one from the end. */
  readonly nextCursor: string | null;
  /** Older lines may be found with this `before`; null: there are none, or the page was not one from the end. */
  readonly before: string | null;
  /** The newest line that there was when the search began, whether it was found or not. */
  readonly end: string;
}

export interface LogReader {
  /** Oldest first when `since` or a cursor is given, else the newest page (of those before `before`), oldest first. Includes lines not yet written. */
  query(of: LogScope, query: LogQuery): Promise<FoundLogLines>;
  /** Lines as they come; `skipped` says how many were dropped for a listener that could not follow. Returns the unsubscriber. */
  subscribe(filter: LogFilter, listener: (lines: readonly LogLine[], skipped: number) => void): () => void;
}

export interface LogCounter {
  /** How many lines there are over time, by level, those not yet written among them. Says so when it could not count all of them. */
  histogram(of: LogScope, query: LogHistogramQuery): Promise<LogHistogram>;
}
