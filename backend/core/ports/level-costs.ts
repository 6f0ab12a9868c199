import type { StartKind } from '../../../shared/invocation.ts';
import type { IsolationLevel } from '../../../shared/version-config.ts';

/** How long something took, as often as it was seen. */
export interface SeenTimes {
  readonly count: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
}

/** What an isolation level cost the calls of this platform, on this machine, since it started. */
export interface LevelCost {
  /** Starts that callers waited for: sandboxes that were booted, with load and init. Undefined: there was none. */
  readonly booted: SeenTimes | undefined;
  /** The same from sandboxes that waited, or from snapshots. */
  readonly waiting: SeenTimes | undefined;
  /** The quickest call to an instance that was there, without waiting for admission; undefined: there was none. */
  readonly quickestWarmMs: number | undefined;
  readonly warmCalls: number;
  /** Of an instance that was measured; undefined: none was. */
  readonly idleMemoryBytes: number | undefined;
}

export interface LevelCosts {
  /** Undefined for a level that no call has used. */
  of(level: IsolationLevel): LevelCost | undefined;
  /** A start that somebody waited for; kinds that nobody waits for are left out. */
  addStart(level: IsolationLevel, start: StartKind, tookMs: number): void;
  addWarmCall(level: IsolationLevel, tookMs: number): void;
  setIdleMemory(level: IsolationLevel, bytes: number): void;
}
