import { PlatformError } from '../../shared/errors.ts';
import type { FunctionId, InvocationId } from '../../shared/ids.ts';
import type { InvocationReport } from '../core/invocation.ts';
import { backoffMs } from '../core/policies/backoff.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { FunctionDirectory } from '../core/ports/function-directory.ts';
import type { Claim, Disposition, InvocationQueue } from '../core/ports/invocation-queue.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { MetricsSink } from '../core/ports/metrics-sink.ts';
import type { VersionSpec } from '../core/version.ts';
import { AsyncRun } from './async-run.ts';
import { dispositionOf } from './dispositions.ts';
import { asPlatformError, outcomeOfAcquireError, phasesOfError, reportWithoutInstance } from './reports.ts';
import type { Run } from './run.ts';
import type { SchedulerSettings } from './scheduler-settings.ts';

export interface AsyncDispatcherOptions {
  readonly queue: InvocationQueue;
  readonly directory: FunctionDirectory;
  readonly metrics: MetricsSink;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly owner: string;
  readonly settings: Pick<SchedulerSettings, 'asyncConcurrency' | 'leaseMs' | 'maxStoredResultBytes'>;
  /** Admits a run and sees it through. */
  readonly start: (run: Run) => Promise<InvocationReport>;
}

/** The queue is looked at this often even if nobody says that something is due: other processes' leases end silently. */
const pollMs = 5000;
const heldBackPollMs = 250;
const depthRefreshMs = 1000;
const storageBackoff = { minMs: 200, maxMs: 10_000 };
/** After the deadline of a drain, how long settling what was cut off may take. */
const settleWaitMs = 2000;

/**
 * Runs the durable queue. Claims what is due as far as there is capacity, keeps the leases alive, and settles every
 * attempt by the retry policy. Everything is fenced by the claim's token: what settles late changes nothing.
 */
export class AsyncDispatcher {
  readonly #options: AsyncDispatcherOptions;
  /** By invocation; undefined while its version is being looked up. */
  readonly #running = new Map<InvocationId, AsyncRun>();
  /** Claims that are not settled yet, running or not. */
  #open = 0;
  readonly #openOf = new Map<FunctionId, number>();
  #isStopped = false;
  #isClaiming = false;
  #claimAgain = false;
  #claimFailures = 0;
  #cancelTimer: (() => void) | undefined;
  #cancelHeartbeat: (() => void) | undefined;
  #unsubscribe: (() => void) | undefined;
  #emptied: (() => void) | undefined;
  #depth = 0;
  #depthAtMs = Number.NEGATIVE_INFINITY;
  #oldestDueAt: number | undefined;

  constructor(options: AsyncDispatcherOptions) {
    this.#options = options;
  }

  /** Invocations in the durable queue, as far as known; asking refreshes it for the next time. */
  get depth(): number {
    this.#refreshDepth();
    return this.#depth;
  }

  /** How long the one that was due first has waited, as far as known when `depth` was last asked for. */
  get oldestMs(): number {
    return this.#oldestDueAt === undefined ? 0 : Math.max(0, this.#options.clock.now() - this.#oldestDueAt);
  }

  async start(): Promise<void> {
    const { queue, owner, logger } = this.#options;
    const released = await queue.releaseOwned(owner);
    if (released > 0) logger.info({ released }, 'took back invocations that a previous process was running');
    this.#unsubscribe = queue.onReady(() => this.wake());
    this.wake();
  }

  /** Something may be due. */
  wake(): void {
    if (this.#isStopped) return;
    if (this.#isClaiming) {
      this.#claimAgain = true;
      return;
    }
    this.#isClaiming = true;
    // Never rejects.
    void this.#claimDue().then(() => {
      this.#isClaiming = false;
      if (this.#claimAgain) this.wake();
    });
  }

  /** One was enqueued: the known depth follows without asking. */
  added(): void {
    this.#depth++;
  }

  async cancel(id: InvocationId): Promise<boolean> {
    const run = this.#running.get(id);
    if (run === undefined) return await this.#options.queue.cancel(id, this.#options.clock.now());
    run.isCancelled = true;
    run.abort('cancelled by request');
    return true;
  }

  /** Claims nothing more; what still runs at the deadline is cut off and given back without counting an attempt. */
  async drain(deadlineAt: number): Promise<void> {
    this.#isStopped = true;
    this.#unsubscribe?.();
    this.#cancelTimer?.();
    const { clock } = this.#options;
    await this.#untilEmpty(deadlineAt - clock.now());
    for (const run of this.#running.values()) run.abort('the platform is shutting down');
    await this.#untilEmpty(settleWaitMs);
    this.#cancelHeartbeat?.();
  }

  async #claimDue(): Promise<void> {
    const { queue, clock, owner, settings, logger } = this.#options;
    this.#cancelTimer?.();
    let isHoldingBack = false;
    try {
      for (;;) {
        this.#claimAgain = false;
        const free = settings.asyncConcurrency - this.#open;
        if (this.#isStopped || free <= 0) return;
        await this.#renewOverdue();
        const { max, except } = this.#shares(free);
        isHoldingBack = except.length > 0;
        const passedOver = [...except, ...this.#options.directory.disabled()];
        const claims = await queue.claim(owner, max, settings.leaseMs, clock.now(), passedOver);
        this.#claimFailures = 0;
        for (const claim of claims) this.#take(claim);
        if (claims.length === 0 && !this.#claimAgain) break;
      }
      // What a disabled function has is looked at again when it is enabled.
      const dueAt = await queue.nextDueAt([...this.#options.directory.disabled()]);
      // What is held back is due all the time; it is looked at again when an attempt ends.
      const soonestMs = isHoldingBack ? heldBackPollMs : 1;
      this.#wakeIn(dueAt === undefined ? pollMs : Math.min(pollMs, Math.max(soonestMs, dueAt - clock.now())));
    } catch (error) {
      logger.error({ err: error }, 'could not claim from the queue; trying again');
      this.#wakeIn(backoffMs(++this.#claimFailures, storageBackoff, Math.random()));
    }
  }

  /** Every function may hold an equal part of the capacity, counting one more function than there are, so that there is room for it. */
  #shares(free: number): { readonly max: number; readonly except: readonly FunctionId[] } {
    const functions = Math.max(1, this.#openOf.size);
    const share = Math.max(1, Math.ceil(this.#options.settings.asyncConcurrency / (functions + 1)));
    const except = [...this.#openOf].filter(([, open]) => open >= share).map(([functionId]) => functionId);
    return { max: Math.min(free, share), except };
  }

  #wakeIn(ms: number): void {
    if (this.#isStopped) return;
    this.#cancelTimer?.();
    this.#cancelTimer = this.#options.clock.after(ms, () => this.wake());
  }

  #take(claim: Claim): void {
    const { functionId } = claim.item;
    this.#open++;
    this.#openOf.set(functionId, (this.#openOf.get(functionId) ?? 0) + 1);
    this.#beat();
    this.#process(claim).then(
      () => this.#closed(functionId),
      (error: unknown) => {
        this.#options.logger.error(
          { err: error, invocationId: claim.item.id },
          'an asynchronous invocation was left to its lease',
        );
        this.#closed(functionId);
      },
    );
  }

  #closed(functionId: FunctionId): void {
    this.#open--;
    const left = (this.#openOf.get(functionId) ?? 1) - 1;
    if (left === 0) this.#openOf.delete(functionId);
    else this.#openOf.set(functionId, left);
    if (this.#open === 0) this.#emptied?.();
    this.wake();
  }

  async #process(claim: Claim): Promise<void> {
    const { clock, settings } = this.#options;
    // Claimed while the drain began.
    if (this.#isStopped) {
      await this.#settle(claim, { kind: 'release' });
      return;
    }
    const found = this.#resolve(claim);
    if ('disposition' in found) {
      await this.#settle(claim, found.disposition);
      return;
    }
    const run = new AsyncRun({
      claim,
      version: found.version,
      clock,
      maxResultBytes: settings.maxStoredResultBytes,
      onFinished: (finished, report) => this.#record(finished, report),
    });
    this.#running.set(run.id, run);
    try {
      const report = await this.#attempt(run);
      if (run.isLost) {
        this.#recordLate(claim);
        return;
      }
      const { retry } = run.version.config;
      const now = clock.now();
      const isCutOff = this.#isStopped && run.signal.aborted && !run.isCancelled;
      const disposition: Disposition = isCutOff
        ? { kind: 'release' }
        : dispositionOf({ claim, report, retry, now, result: run.result, random: Math.random() });
      await this.#settle(claim, disposition);
    } finally {
      this.#running.delete(run.id);
    }
  }

  /** Every way in which an attempt can end, as a report. */
  async #attempt(run: AsyncRun): Promise<InvocationReport> {
    try {
      return await this.#options.start(run);
    } catch (error) {
      const outcome = outcomeOfAcquireError(asPlatformError(error));
      return reportWithoutInstance(run, outcome, this.#options.clock.monotonic(), phasesOfError(error));
    }
  }

  /** The version that was current when the invocation was accepted, or what becomes of it without running. */
  #resolve(claim: Claim): { readonly version: VersionSpec } | { readonly disposition: Disposition } {
    const { item } = claim;
    const now = this.#options.clock.now();
    const none = { report: undefined, error: undefined } as const;
    if (item.expiresAt < now) return { disposition: { kind: 'dead-letter', reason: 'too-old', ...none } };
    try {
      const { version } = this.#options.directory.resolve(item.functionName, String(item.version));
      // A function of the same name that was made later is another function.
      if (version.versionId === item.versionId) return { version };
    } catch (error) {
      // Disabled since it was claimed: it waits like the others, and no attempt counts.
      if (error instanceof PlatformError && error.code === 'function_disabled') {
        return { disposition: { kind: 'release' } };
      }
      if (!(error instanceof PlatformError) || error.kind !== 'not_found') throw error;
    }
    return { disposition: { kind: 'dead-letter', reason: 'function-deleted', ...none } };
  }

  /** Tries until it is on disk or the lease is lost. */
  async #settle(claim: Claim, disposition: Disposition): Promise<void> {
    const { queue, clock, logger, metrics } = this.#options;
    const { id, functionName } = claim.item;
    for (let failures = 1; ; failures++) {
      try {
        const isOurs = await queue.settle(claim, disposition, clock.now());
        if (!isOurs) {
          logger.warn({ invocationId: id }, 'a result came after its lease was lost and was dropped');
          if (disposition.kind !== 'release') this.#recordLate(claim);
        } else if (disposition.kind === 'retry' || disposition.kind === 'dead-letter') {
          metrics.record({ kind: disposition.kind, at: clock.now(), functionName });
        }
        if (isOurs && disposition.kind !== 'retry' && disposition.kind !== 'release')
          this.#depth = Math.max(0, this.#depth - 1);
        return;
      } catch (error) {
        if (clock.now() > claim.leaseExpiresAt + this.#options.settings.leaseMs * 4) throw error;
        logger.error({ err: error, invocationId: id }, 'could not store the result of an invocation; trying again');
        await clock.sleep(backoffMs(failures, storageBackoff, Math.random()));
      }
    }
  }

  /** Another process may have run it by now, and what came of it here is dropped. */
  #recordLate({ item }: Claim): void {
    const { metrics, clock } = this.#options;
    metrics.record({ kind: 'late-result', at: clock.now(), functionName: item.functionName });
  }

  #record(run: AsyncRun, report: InvocationReport): void {
    const { metrics, clock } = this.#options;
    metrics.record({
      kind: 'invocation',
      at: clock.now(),
      version: run.version,
      trigger: run.claim.item.trigger,
      report,
      invocation: run.invocation(),
    });
  }

  /** Extends the leases of everything that runs, three times per lease, while anything runs. */
  #beat(): void {
    if (this.#cancelHeartbeat !== undefined) return;
    const { clock, settings, logger } = this.#options;
    this.#cancelHeartbeat = clock.after(settings.leaseMs / 3, () => {
      this.#cancelHeartbeat = undefined;
      if (this.#open === 0) return;
      this.#beat();
      for (const run of this.#running.values()) {
        this.#extend(run).catch((error: unknown) => {
          logger.error({ err: error, invocationId: run.id }, 'could not extend the lease of an invocation');
        });
      }
    });
  }

  /**
   * Leases that seem to be over though we hold them: the wall clock jumped, or the process was stopped. Before anything is claimed, or what runs here would be
   * claimed again and run twice.
   */
  async #renewOverdue(): Promise<void> {
    const now = this.#options.clock.now();
    const overdue = [...this.#running.values()].filter((run) => run.leaseEndsAt <= now);
    await Promise.all(overdue.map((run) => this.#extend(run)));
  }

  async #extend(run: AsyncRun): Promise<void> {
    const { queue, clock, settings, logger } = this.#options;
    const leaseEndsAt = clock.now() + settings.leaseMs;
    const isOurs = await queue.extend(run.claim, leaseEndsAt);
    if (isOurs) run.leaseEndsAt = leaseEndsAt;
    if (isOurs || !this.#running.has(run.id)) return;
    run.isLost = true;
    logger.warn({ invocationId: run.id }, 'the lease of a running invocation was lost; it is being cancelled here');
    run.abort('its lease was lost');
  }

  #refreshDepth(): void {
    const { queue, clock, logger } = this.#options;
    const nowMs = clock.monotonic();
    if (nowMs - this.#depthAtMs < depthRefreshMs) return;
    this.#depthAtMs = nowMs;
    Promise.all([queue.depth(), queue.nextDueAt()]).then(
      ([depth, dueAt]) => {
        this.#depth = depth;
        this.#oldestDueAt = depth === 0 ? undefined : dueAt;
      },
      (error: unknown) => logger.debug({ err: error }, 'could not read the depth of the queue'),
    );
  }

  async #untilEmpty(ms: number): Promise<void> {
    if (this.#open === 0) return;
    const empty = new AbortController();
    this.#emptied = () => empty.abort();
    await this.#options.clock.sleep(Math.max(0, ms), empty.signal);
  }
}
