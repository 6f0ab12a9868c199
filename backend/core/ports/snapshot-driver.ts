import type { VersionId } from '../../../shared/ids.ts';
import type { IsolationDriver, SandboxSpec } from './isolation-driver.ts';
import type { Sandbox } from './sandbox.ts';

/** What a snapshot is of: a version that is loaded, or sandboxes of one shape that have no version yet. Each has one at most. */
export type SnapshotSubject = VersionId | `shape_${string}`;

export interface SnapshotName {
  readonly versionId: SnapshotSubject;
  /** A hash of what the version was loaded with, or of how the runtime was started. A snapshot with another one is not restored. */
  readonly loadedWith: string;
}

export interface SnapshotInfo {
  /** On disk. */
  readonly sizeBytes: number;
}

/**
 * An optional power: freezing a sandbox that has loaded its version, and starting any number of copies. A snapshot holds what the sandbox has in memory,
 * secrets included. With `capabilities.copiesRuntimes` also a sandbox that has no version yet: its copies can be specialised, and snapshotted again. The driver keeps it between starts of the platform, drops what does not fit this host, its guests and its programs any more, and what was not used for long.
 */
export interface SnapshotDriver extends IsolationDriver {
  /**
   * Takes the snapshot; the sandbox goes on afterwards. `quiesce` makes what is inside fall silent and is called when the guest is ready for it (its clock is ahead,
   * see docs/protocol.md). When this rejects the sandbox goes on as well, or is destroyed.
   */
  snapshot(
    sandbox: Sandbox,
    name: SnapshotName,
    quiesce: () => Promise<void>,
    signal: AbortSignal,
  ): Promise<SnapshotInfo>;
  /** There is a snapshot with this name. Cheap: nothing is checked but that it is there. */
  hasSnapshot(name: SnapshotName): boolean;
  /**
   * A copy whose clock is right and whose kernel has a random generator of its own; the agent inside waits for AFTER_RESTORE. Rejects with `unavailable`
   * (`snapshot_unusable`) when the snapshot is gone, damaged, or of another host, guest or program, and drops it then.
   */
  restore(name: SnapshotName, spec: SandboxSpec, signal: AbortSignal): Promise<Sandbox>;
  dropSnapshot(versionId: SnapshotSubject): Promise<void>;
}

export function supportsSnapshots(driver: IsolationDriver): driver is SnapshotDriver {
  return 'snapshot' in driver && 'restore' in driver;
}
