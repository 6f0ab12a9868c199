import { dayMs } from '../../shared/durations.ts';
import { PlatformError } from '../../shared/errors.ts';
import type { FunctionId } from '../../shared/ids.ts';
import { asyncInvocation } from '../core/policies/async-invocation.ts';
import { decideTick } from '../core/policies/misfire.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { FunctionDirectory, Resolution } from '../core/ports/function-directory.ts';
import type { NewAsyncInvocation } from '../core/ports/invocation-queue.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { FunctionStore, ScheduleRecord, ScheduleStore } from '../core/ports/store.ts';
import { type CronTicks, cronTicks } from './cron-ticks.ts';
import type { SchedulerSettings } from './scheduler-settings.ts';

export interface ScheduleTickerOptions {
  readonly schedules: Pick<ScheduleStore, 'all' | 'fireTick'>;
  readonly functions: Pick<FunctionStore, 'all'>;
  readonly directory: FunctionDirectory;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings: Pick<SchedulerSettings, 'tickGraceMs' | 'tickCheckMs'>;
  /** An invocation was put into the queue. */
  readonly onFired: () => void;
}

interface Entry {
  readonly schedule: ScheduleRecord;
  readonly functionName: string;
  readonly ticks: CronTicks;
  /** Newest tick that was fired or skipped; at first, when the schedule was made. */
  handledAt: number;
  nextAt: number | undefined;
}

/**
 * Puts an invocation into the queue at every tick of every schedule, once: the store marks the tick and enqueues in one
 * transaction. Wall clocks jump, so time is looked at every `tickCheckMs`: forward, at most the newest missed tick fires
 * (misfire policy); backward, ticks that were handled do not come again.
 */
export class ScheduleTicker {
  readonly #options: ScheduleTickerOptions;
  #entries: Entry[] = [];
  #cancelTimer: (() => void) | undefined;
  #isStopped = false;
  #isBusy = false;
  #mustReload = false;

  constructor(options: ScheduleTickerOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    this.#mustReload = true;
    await this.#turn();
  }

  /** Schedules or functions have changed. */
  changed(): void {
    this.#mustReload = true;
    this.#turnSoon(0);
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelTimer?.();
  }

  #turnSoon(ms: number): void {
    if (this.#isStopped) return;
    this.#cancelTimer?.();
    this.#cancelTimer = this.#options.clock.after(ms, () => {
      // Never rejects.
      void this.#turn();
    });
  }

  /** Reloads if needed, handles what is due, and sets the one timer. */
  async #turn(): Promise<void> {
    if (this.#isBusy) return;
    this.#isBusy = true;
    try {
      if (this.#mustReload) await this.#reload();
      for (const entry of this.#entries) {
        if (!this.#isStopped && !this.#mustReload) await this.#handle(entry);
      }
    } catch (error) {
      this.#options.logger.error({ err: error }, 'could not work on schedules; trying again');
    } finally {
      this.#isBusy = false;
      this.#turnSoon(this.#mustReload ? 1000 : this.#waitMs());
    }
  }

  async #reload(): Promise<void> {
    this.#mustReload = false;
    try {
      const [schedules, functions] = await Promise.all([this.#options.schedules.all(), this.#options.functions.all()]);
      const names = new Map(functions.map((record) => [record.id, record.name]));
      this.#entries = schedules.flatMap((schedule) => this.#entryOf(schedule, names));
    } catch (error) {
      this.#mustReload = true;
      throw error;
    }
  }

  #entryOf(schedule: ScheduleRecord, names: ReadonlyMap<FunctionId, string>): Entry[] {
    const functionName = names.get(schedule.functionId);
    if (functionName === undefined || !schedule.isEnabled) return [];
    const { clock, logger } = this.#options;
    try {
      const ticks = cronTicks(schedule.cron, schedule.timeZone);
      const handledAt = Math.max(schedule.createdAt, schedule.lastTickAt ?? 0);
      if (handledAt > clock.now() + dayMs) {
        logger.warn(
          { scheduleId: schedule.id, handledAt },
          'a schedule was last run in the future: was the clock wrong?',
        );
      }
      return [{ schedule, functionName, ticks, handledAt, nextAt: ticks.nextAfter(handledAt) }];
    } catch (error) {
      logger.warn({ err: error, scheduleId: schedule.id }, 'a schedule cannot be read and does not run');
      return [];
    }
  }

  async #handle(entry: Entry): Promise<void> {
    const { clock, logger, settings } = this.#options;
    const now = clock.now();
    if (entry.nextAt === undefined || entry.nextAt > now) return;
    const newest = entry.ticks.newestUntil(now);
    const missedTickAt = newest !== undefined && newest > entry.handledAt ? newest : undefined;
    const policy = entry.schedule.misfire;
    const decision = decideTick({ missedTickAt, now, policy, graceMs: settings.tickGraceMs });
    if (decision.kind === 'none') {
      entry.nextAt = entry.ticks.nextAfter(Math.max(now, entry.handledAt));
      return;
    }
    try {
      await this.#mark(entry, decision.tickAt, decision.kind === 'fire');
    } catch (error) {
      logger.error({ err: error, scheduleId: entry.schedule.id }, 'a tick could not be stored; trying again');
      return;
    }
    entry.handledAt = decision.tickAt;
    entry.nextAt = entry.ticks.nextAfter(decision.tickAt);
  }

  async #mark(entry: Entry, tickAt: number, shouldFire: boolean): Promise<void> {
    const { schedules, logger } = this.#options;
    const { id } = entry.schedule;
    const target = shouldFire ? this.#target(entry) : undefined;
    if (target === undefined) {
      await schedules.fireTick(id, tickAt, undefined);
      logger.info({ scheduleId: id, function: entry.functionName, tickAt }, 'a tick was skipped');
      return;
    }
    const item = this.#itemOf(entry, target);
    const isFired = await schedules.fireTick(id, tickAt, async (tx) => {
      await tx.queue.enqueue(item);
      return item.id;
    });
    if (isFired) this.#options.onFired();
  }

  /** The version that the schedule's alias names now; undefined when the function is disabled or the alias is gone. */
  #target(entry: Entry): Resolution | undefined {
    try {
      return this.#options.directory.resolve(entry.functionName, entry.schedule.alias);
    } catch (error) {
      const code = error instanceof PlatformError ? error.code : 'unexpected';
      this.#options.logger.warn({ err: error, code, function: entry.functionName }, 'a schedule has nothing to run');
      return undefined;
    }
  }

  #itemOf(entry: Entry, resolution: Resolution): NewAsyncInvocation {
    return asyncInvocation(resolution, {
      now: this.#options.clock.now(),
      trigger: 'schedule',
      payload: Buffer.from(entry.schedule.payload),
    });
  }

  #waitMs(): number {
    const { clock, settings } = this.#options;
    let nextAt = Number.POSITIVE_INFINITY;
    for (const entry of this.#entries) nextAt = Math.min(nextAt, entry.nextAt ?? Number.POSITIVE_INFINITY);
    const dueInMs = nextAt - clock.now();
    // Overdue here means that storing failed: not at once again.
    return dueInMs <= 0 ? 1000 : Math.min(settings.tickCheckMs, dueInMs);
  }
}
