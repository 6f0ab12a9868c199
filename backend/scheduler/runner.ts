import type { PlatformError } from '../../shared/errors.ts';
import type { InvocationReport } from '../core/invocation.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { InstanceCall, InstancePool, InstanceResult, Lease } from '../core/ports/instance-pool.ts';
import type { VersionSpec } from '../core/version.ts';
import type { Admission } from './admission.ts';
import { Coalescer } from './coalescer.ts';
import {
  asPlatformError,
  outcomeOfAcquireError,
  outcomeOfWait,
  phasesOfError,
  reportOfResult,
  reportWithoutInstance,
} from './reports.ts';
import type { Run } from './run.ts';

export interface RunnerOptions {
  readonly pool: InstancePool;
  readonly admission: Admission;
  readonly clock: Clock;
  /** Of functions with batches: that many calls went to an instance together. */
  readonly onBatch: (version: VersionSpec, size: number, waitMs: number) => void;
}

/** Takes admitted runs to an instance and back: warm at once, else waiting, alone or in a batch. */
export class Runner {
  readonly #options: RunnerOptions;
  readonly #coalescer: Coalescer;

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.#coalescer = new Coalescer({
      pool: options.pool,
      clock: options.clock,
      onBatch: options.onBatch,
      completed: (run, lease, result) => this.#complete(run, lease, result),
      failed: (run, error) => this.#fail(run, error),
    });
  }

  /**
   * Resolves with the report. Rejects with the PlatformError of the pool when there was no instance to be had (not when the version
   * failed to start: that is an outcome). In every case the run's place in admission is given back.
   */
  run(run: Run): Promise<InvocationReport> {
    const { version } = run;
    if (version.config.batch.maxSize > 1 && this.#coalescer.takes(run)) return this.#coalescer.run(run);
    const lease = this.#options.pool.tryAcquire(version);
    return lease === undefined ? this.#acquireAndInvoke(run) : this.#invoke(run, lease);
  }

  #invoke(run: Run, lease: Lease): Promise<InvocationReport> {
    return (lease.ahead ?? lease.instance.invoke(callOf(run))).then((result) => {
      lease.release('healthy');
      return this.#complete(run, lease, result);
    });
  }

  async #acquireAndInvoke(run: Run): Promise<InvocationReport> {
    const { clock, pool } = this.#options;
    const giveUp = new AbortController();
    const onAbort = () => giveUp.abort();
    if (run.signal.aborted) giveUp.abort();
    run.signal.addEventListener('abort', onAbort, { once: true });
    const cancelTimer = clock.after(run.waitUntilAt - clock.now(), onAbort);
    let lease: Lease;
    try {
      lease = await pool.acquire(run.version, giveUp.signal, 1, run.mayTravelAhead ? () => callOf(run) : undefined);
    } catch (error) {
      return this.#fail(run, giveUp.signal.aborted ? undefined : asPlatformError(error));
    } finally {
      cancelTimer();
      run.signal.removeEventListener('abort', onAbort);
    }
    return await this.#invoke(run, lease);
  }

  #complete(run: Run, lease: Lease, result: InstanceResult): InvocationReport {
    const report = reportOfResult(run, lease, result, this.#options.clock.monotonic());
    this.#leave(run, result.handlerMs);
    run.finished(report);
    return report;
  }

  /** `error` is undefined when the wait was given up. Throws what is not an outcome. */
  #fail(run: Run, error: PlatformError | undefined): InvocationReport {
    const { clock, pool } = this.#options;
    const phases = error === undefined ? pool.startUnderWay(run.version) : phasesOfError(error);
    const outcome = error === undefined ? outcomeOfWait(run, phases !== undefined) : outcomeOfAcquireError(error);
    const report = reportWithoutInstance(run, outcome, clock.monotonic(), phases);
    this.#leave(run, 0);
    run.finished(report);
    if (error !== undefined && outcome.kind === 'platform-fault') throw error;
    return report;
  }

  #leave(run: Run, handlerMs: number): void {
    const { load } = run;
    if (load !== undefined) this.#options.admission.leave(load, handlerMs);
    if (run.version.config.batch.maxSize > 1) this.#coalescer.slotFreed(run.version.versionId);
  }
}

function callOf(run: Run): InstanceCall {
  return { invocation: run.invocation(), sink: run.sink, signal: run.signal };
}
