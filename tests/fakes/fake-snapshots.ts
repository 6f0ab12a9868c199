import type { SandboxSpec } from '../../backend/core/ports/isolation-driver.ts';
import type { Sandbox } from '../../backend/core/ports/sandbox.ts';
import type {
  SnapshotDriver,
  SnapshotInfo,
  SnapshotName,
  SnapshotSubject,
} from '../../backend/core/ports/snapshot-driver.ts';
import { FakeDriver } from '../../backend/execution-engine/drivers/fake/fake-driver.ts';
import type { SandboxId } from '../../shared/ids.ts';

/** A fake driver whose sandboxes can be snapshotted: it remembers names. */
export class FakeSnapshotDriver extends FakeDriver implements SnapshotDriver {
  /** Names by version. */
  readonly kept = new Map<SnapshotSubject, string>();
  /** Sandboxes that are copies. */
  readonly copies = new Set<SandboxId>();
  /** Set to let the next one fail: before or after the agent fell silent, or while it is restored. */
  failing: 'early' | 'late' | 'restore' | undefined;

  async snapshot(_sandbox: Sandbox, name: SnapshotName, quiesce: () => Promise<void>): Promise<SnapshotInfo> {
    this.#failAt('early');
    await quiesce();
    this.#failAt('late');
    this.kept.set(name.versionId, name.loadedWith);
    return { sizeBytes: 1 };
  }

  hasSnapshot(name: SnapshotName): boolean {
    return this.kept.get(name.versionId) === name.loadedWith;
  }

  async restore(_name: SnapshotName, spec: SandboxSpec, signal: AbortSignal): Promise<Sandbox> {
    this.#failAt('restore');
    this.copies.add(spec.id);
    return await this.create(spec, signal);
  }

  async dropSnapshot(versionId: SnapshotSubject): Promise<void> {
    this.kept.delete(versionId);
  }

  #failAt(step: 'early' | 'late' | 'restore'): void {
    if (this.failing !== step) return;
    this.failing = undefined;
    throw new Error(`no ${step}`);
  }
}
