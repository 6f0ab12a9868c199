import type { SandboxId } from '../../../../../shared/ids.ts';
import type { SweepReport } from '../../../../core/ports/isolation-driver.ts';
import type { Sandbox } from '../../../../core/ports/sandbox.ts';
import type { HostOptions } from './host-environment.ts';
import { sweepDeadInstances } from './sweep.ts';

/** The sandboxes of a driver of this process that are not gone yet. */
export class LiveSandboxes<T extends Sandbox> extends Map<SandboxId, T> {
  /** Destroys those that `known` does not name, and what platforms that are dead left behind. */
  async sweep(known: ReadonlySet<SandboxId>, hostOptions: HostOptions): Promise<SweepReport> {
    const strangers = [...this.values()].filter((sandbox) => !known.has(sandbox.id));
    await Promise.all(strangers.map((sandbox) => sandbox.destroy('swept')));
    const report = await sweepDeadInstances(hostOptions);
    return {
      removed: [...strangers.map((sandbox) => `sandbox ${sandbox.id}`), ...report.removed],
      failed: report.failed,
    };
  }

  async destroyAll(reason: string): Promise<void> {
    await Promise.all([...this.values()].map((sandbox) => sandbox.destroy(reason)));
  }
}
