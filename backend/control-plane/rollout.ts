import type { FunctionId, VersionId } from '../../shared/ids.ts';
import type { InstancePool } from '../core/ports/instance-pool.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { Scheduler } from '../core/ports/scheduler.ts';
import type { VersionSpec } from '../core/version.ts';
import type { BundleGate } from './bundle-gate.ts';
import type { InMemoryFunctionDirectory } from './function-directory.ts';
import type { Reservations } from './reservations.ts';

export interface RolloutOptions {
  readonly directory: InMemoryFunctionDirectory;
  readonly pool: Pick<InstancePool, 'provision' | 'expect' | 'retireVersion' | 'pools'>;
  readonly reservations: Pick<Reservations, 'all'>;
  readonly scheduler: Pick<Scheduler, 'schedulesChanged' | 'reserve'>;
  readonly gate: BundleGate;
  readonly logger: Logger;
}

/** Brings pool and scheduler in line with the directory after a change. The change is on disk then: nothing here makes it fail. */
export class Rollout {
  readonly #options: RolloutOptions;

  constructor(options: RolloutOptions) {
    this.#options = options;
  }

  /** Keeps warm what should be, and retires the versions of `before` that no alias refers to any more. */
  afterChange(id: FunctionId, before: readonly VersionSpec[]): void {
    const { directory, pool } = this.#options;
    this.provision();
    this.#reschedule();
    const referenced = directory.referenced(id);
    pool.expect(referenced);
    const still = new Set<VersionId>(referenced.map((version) => version.versionId));
    for (const version of before) {
      if (!still.has(version.versionId)) void this.#retire(version, 'no alias refers to it any more');
    }
  }

  /** Ends every instance of a function that is gone, then its bundles. */
  afterRemoval(id: FunctionId): void {
    this.provision();
    this.#reschedule();
    const running = this.#options.pool.pools().filter((view) => view.version.functionId === id);
    const retired = running.map((view) => this.#retire(view.version, 'its function was deleted'));
    void Promise.all(retired).then(() => this.#options.gate.requestPrune());
  }

  /** Tells the pool which versions to keep warm, and the scheduler which functions have places for themselves. */
  provision(): void {
    const { pool, directory, scheduler, reservations, logger } = this.#options;
    try {
      pool.provision(directory.provisioned());
    } catch (error) {
      logger.error({ err: error }, 'could not tell the pool what to keep warm');
    }
    try {
      scheduler.reserve(reservations.all());
    } catch (error) {
      logger.error({ err: error }, 'could not tell the scheduler what is reserved');
    }
  }

  #reschedule(): void {
    try {
      this.#options.scheduler.schedulesChanged();
    } catch (error) {
      this.#options.logger.error({ err: error }, 'could not tell the scheduler that schedules changed');
    }
  }

  async #retire(version: VersionSpec, reason: string): Promise<void> {
    const { functionName, version: number, versionId } = version;
    try {
      await this.#options.pool.retireVersion(versionId, `version ${number} of ${functionName}: ${reason}`);
    } catch (error) {
      this.#options.logger.error({ err: error, functionName, version: number }, 'could not retire a version');
    }
  }
}
