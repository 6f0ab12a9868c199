import type { IsolationDriver, SandboxSpec } from './isolation-driver.ts';
import type { Sandbox } from './sandbox.ts';

/** Names a snapshot on this host. */
export interface SnapshotRef {
  readonly driver: string;
  readonly path: string;
  readonly sizeBytes: number;
}

/** An optional power: freezing a warmed sandbox to disk and starting any number of copies. */
export interface SnapshotDriver extends IsolationDriver {
  snapshot(sandbox: Sandbox, signal: AbortSignal): Promise<SnapshotRef>;
  restore(ref: SnapshotRef, spec: SandboxSpec, signal: AbortSignal): Promise<Sandbox>;
}

export function supportsSnapshots(driver: IsolationDriver): driver is SnapshotDriver {
  return 'snapshot' in driver && 'restore' in driver;
}
