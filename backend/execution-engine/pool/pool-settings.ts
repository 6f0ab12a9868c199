import type { CircuitSettings } from '../../core/policies/circuit.ts';
import { defaultKeepAliveSettings, type KeepAliveSettings } from '../../core/policies/keep-alive.ts';
import type { DriverName } from '../../core/ports/isolation-driver.ts';
import type { SnapshotMode } from './snapshot-book.ts';

export interface PoolSettings {
  /** Sandboxes on this host, all versions and pre-warmed ones together. */
  readonly maxInstances: number;
  /** The memory limits of all sandboxes together, in MB. */
  readonly memoryBudgetMb: number;
  /** Sandboxes that may start at the same time. */
  readonly maxSimultaneousBoots: number;
  /** From asking the driver to HELLO. */
  readonly bootTimeoutMs: number;
  /** Sandboxes of the default shape kept ready per runtime. */
  readonly preWarmPerRuntime: number;
  /** Sandboxes kept ready per other shape that was used within `preWarmTtlMs`. */
  readonly preWarmPerShape: number;
  readonly maxPreWarmed: number;
  readonly preWarmTtlMs: number;
  /** Quiet time before a refill begins, so that it does not compete with the start that took the last one. */
  readonly refillDelayMs: number;
  /** Of which versions snapshots are taken, where the driver can. */
  readonly snapshots: SnapshotMode;
  /** Copies of each version with a snapshot that are restored ahead and paused, where the driver can. */
  readonly copiesAheadPerVersion: number;
  readonly maxCopiesAhead: number;
  /** The driver that default shapes are pre-warmed for. */
  readonly defaultIsolation: DriverName;
  /** `predictive`: learnt per version; `fixed`: `keepAlivePolicy.fallbackMs` for all. A version's own idleTimeoutMs wins. */
  readonly keepAlive: 'predictive' | 'fixed';
  readonly keepAlivePolicy: KeepAliveSettings;
  readonly maxRememberedVersions: number;
  readonly sweepIntervalMs: number;
  readonly usageIntervalMs: number;
  /** Start failures in a row that stop starting a version for a while. */
  readonly circuit: CircuitSettings;
  /** After the channel ended, how long the sandbox may take to end by itself. */
  readonly exitWaitMs: number;
  readonly maxLogBytesPerInvocation: number;
}

/** Everything that does not depend on the host or the operator. */
export const defaultPoolSettings = {
  bootTimeoutMs: 60_000,
  preWarmPerRuntime: 1,
  preWarmPerShape: 1,
  maxPreWarmed: 8,
  preWarmTtlMs: 600_000,
  refillDelayMs: 25,
  snapshots: 'without-secrets',
  copiesAheadPerVersion: 1,
  maxCopiesAhead: 8,
  defaultIsolation: 'process',
  keepAlive: 'predictive',
  keepAlivePolicy: defaultKeepAliveSettings,
  maxRememberedVersions: 10_000,
  sweepIntervalMs: 1000,
  usageIntervalMs: 1000,
  circuit: { threshold: 5, minOpenMs: 1000, maxOpenMs: 30_000 },
  exitWaitMs: 250,
  maxLogBytesPerInvocation: 1_048_576,
} as const satisfies Partial<PoolSettings>;
