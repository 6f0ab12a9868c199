import type { Clock } from '../../core/ports/clock.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { Store } from '../../core/ports/store.ts';

/** Something that is deleted by age. */
export interface RetentionTarget {
  /** For the log, for example `log lines`. */
  readonly name: string;
  /** Deletes what is too old at `now` (Clock.now), or a part of it; resolves to how many, 0 when nothing is left to delete. */
  readonly prune: (now: number) => Promise<number>;
}

export interface RetentionOptions {
  readonly targets: readonly RetentionTarget[];
  readonly clock: Clock;
  readonly logger: Logger;
  /** Between rounds, give or take a tenth, so that several processes do not delete in step. 10 minutes when left out. */
  readonly intervalMs?: number;
  /** Between the steps of a round, so that deleting never crowds out other writes. 50 when left out. */
  readonly pauseMs?: number;
  /** [0, 1); Math.random when left out. */
  readonly random?: () => number;
}

/** A round ends here at the latest; the next one goes on. Keeps a target that never says 0 from running for ever. */
const maxStepsPerRound = 10_000;

/** Deletes what is too old, round by round, in small steps. A target that fails is tried again in the next round. */
export class Retention {
  readonly #options: RetentionOptions;
  readonly #closing = new AbortController();
  #cancelTimer: (() => void) | undefined;
  #running: Promise<void> | undefined;

  constructor(options: RetentionOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#cancelTimer === undefined && !this.#closing.signal.aborted) this.#arm();
  }

  /** One round over all targets; joins the one that is running. */
  runOnce(): Promise<void> {
    this.#running ??= this.#round().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** Ends after the step that is running. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#cancelTimer?.();
    await this.#running;
  }

  #arm(): void {
    const { clock, intervalMs = 600_000, random = Math.random } = this.#options;
    this.#cancelTimer = clock.after(intervalMs * (0.9 + 0.2 * random()), () => {
      // Never rejects.
      void this.runOnce().then(() => {
        if (!this.#closing.signal.aborted) this.#arm();
      });
    });
  }

  async #round(): Promise<void> {
    for (const target of this.#options.targets) {
      if (this.#closing.signal.aborted) return;
      await this.#prune(target);
    }
  }

  async #prune(target: RetentionTarget): Promise<void> {
    const { clock, logger, pauseMs = 50 } = this.#options;
    let deleted = 0;
    try {
      for (let step = 0; step < maxStepsPerRound && !this.#closing.signal.aborted; step++) {
        const count = await target.prune(clock.now());
        if (count === 0) break;
        deleted += count;
        await clock.sleep(pauseMs, this.#closing.signal);
      }
    } catch (error) {
      logger.warn(
        { err: error, target: target.name },
        'what is too old could not be deleted; the next round tries again',
      );
    }
    if (deleted > 0) logger.info({ target: target.name, deleted }, 'deleted what was too old');
  }
}

export interface StoreRetention {
  readonly store: Pick<Store, 'invocations' | 'logs' | 'errorGroups' | 'egressRefusals' | 'canaryAborts' | 'builds'>;
  readonly keepInvocationsMs: number;
  readonly keepLogsMs: number;
  /** Refused attempts to get out, canaries that were taken back, and builds too. */
  readonly keepErrorGroupsMs: number;
}

export interface RequestRetention {
  readonly store: Pick<Store, 'invocations'>;
  readonly keepRequestsMs: number;
  readonly maxBytes: number;
  readonly maxBytesPerFunction: number;
}

/** Requests of calls over HTTP: bounded by bytes too, so they are looked at more often than what is bounded by age alone. */
export function requestRetentionTarget({ store, keepRequestsMs, ...bounds }: RequestRetention): RetentionTarget {
  return {
    name: 'kept requests',
    prune: (now) => store.invocations.pruneRequests({ ...bounds, before: now - keepRequestsMs }),
  };
}

/** Invocations, logs, groups of errors, refused attempts to get out, canaries that were taken back and builds; those of the metric points come from `MetricsCollector.retentionTargets`. */
export function storeRetentionTargets(options: StoreRetention): readonly RetentionTarget[] {
  const { store, keepInvocationsMs, keepLogsMs, keepErrorGroupsMs } = options;
  return [
    { name: 'invocations', prune: (now) => store.invocations.prune(now - keepInvocationsMs) },
    { name: 'error groups', prune: (now) => store.errorGroups.prune(now - keepErrorGroupsMs) },
    { name: 'refused attempts to get out', prune: (now) => store.egressRefusals.prune(now - keepErrorGroupsMs) },
    { name: 'canaries that were taken back', prune: (now) => store.canaryAborts.prune(now - keepErrorGroupsMs) },
    { name: 'builds', prune: (now) => store.builds.prune(now - keepErrorGroupsMs) },
    { name: 'log lines', prune: (now) => store.logs.prune(now - keepLogsMs) },
  ];
}
