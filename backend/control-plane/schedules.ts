import { PlatformError } from '../../shared/errors.ts';
import type { InvocationStatus } from '../../shared/invocation.ts';
import { projectOf } from '../../shared/names.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { SubmitResult } from '../core/ports/scheduler.ts';
import type { ScheduleRecord, ScheduleRunRecord, Store } from '../core/ports/store.ts';
import type { ChangeLock } from '../util/change-lock.ts';
import { type Actor, auditRecord } from './audit.ts';
import { nextTicks } from './cron.ts';
import type { FunctionEntry, InMemoryFunctionDirectory } from './function-directory.ts';
import type { Invocations } from './invocations.ts';
import type { Rollout } from './rollout.ts';

export interface SchedulesOptions {
  readonly store: Store;
  readonly directory: InMemoryFunctionDirectory;
  readonly invocations: Invocations;
  readonly rollout: Pick<Rollout, 'afterChange'>;
  readonly lock: ChangeLock;
  readonly clock: Clock;
}

export interface ScheduleView {
  readonly record: ScheduleRecord;
  readonly functionName: string;
  /** The next five, Clock.now ms; none while the schedule or its function is disabled. */
  readonly nextTicks: readonly number[];
  /** Of a schedule that is paused: when it would run next. */
  readonly wouldRunAt: number | undefined;
}

/** A run with what became of it; undefined where there is no invocation, or it is not kept any more. */
export interface ScheduleRunView {
  readonly run: ScheduleRunRecord;
  readonly status: InvocationStatus | undefined;
}

const shownTicks = 5;
const maxKnownTicks = 2_000;

/** Schedules of all functions. They are changed through their function. */
export class Schedules {
  readonly #options: SchedulesOptions;
  readonly #ticks = new Map<string, { readonly after: number; readonly ticks: readonly number[] }>();

  constructor(options: SchedulesOptions) {
    this.#options = options;
  }

  /** Of a project or of one of its functions, by function name, then name. */
  async list(project: string, functionName: string | undefined): Promise<readonly ScheduleView[]> {
    const { store, directory } = this.#options;
    const records =
      functionName === undefined
        ? await store.schedules.all()
        : await store.schedules.list(directory.get(functionName).record.id);
    const views = records.flatMap((record) => {
      const owner = directory.byId(record.functionId);
      return owner === undefined || projectOf(owner.record.name) !== project ? [] : [this.#view(record, owner)];
    });
    const key = (view: ScheduleView) => `${view.functionName}/${view.record.name}`;
    return views.sort((a, b) => (key(a) < key(b) ? -1 : 1));
  }

  /** Submits one run now, beside the ticks. Rejects with `not_found`/`schedule_not_found`. */
  async run(project: string, id: string, actor: Actor): Promise<SubmitResult> {
    const { store, invocations, clock } = this.#options;
    const { schedule, owner } = await this.#find(project, id);
    const resolution = invocations.resolve(owner.record.name, schedule.alias);
    const submitted = await invocations.submit(resolution, Buffer.from(schedule.payload), {
      trigger: 'schedule',
      delayMs: 0,
      idempotencyKey: undefined,
      traceparent: undefined,
      callChain: undefined,
      replayOf: undefined,
    });
    const now = clock.now();
    await store.schedules.noteRun(schedule.id, { at: now, isManual: true, invocationId: submitted.id });
    const detail = { function: owner.record.name, schedule: schedule.name, invocation: submitted.id };
    await store.audit.append(auditRecord(now, actor, 'schedule.run', id, detail));
    return submitted;
  }

  /**
   * Pauses or resumes a schedule; the ticks of the pause are not made up for. Changes the function's revision, so that a
   * change that was begun before does not take it back unseen. Rejects with `not_found`/`schedule_not_found`.
   */
  async setEnabled(project: string, id: string, isEnabled: boolean, actor: Actor): Promise<ScheduleView> {
    const { store, directory, rollout, lock, clock } = this.#options;
    return lock.run(async () => {
      const { schedule, owner } = await this.#find(project, id);
      const now = clock.now();
      if (schedule.isEnabled === isEnabled) return this.#view(schedule, owner);
      const functionRecord = await store.transaction(async (tx) => {
        if (!(await tx.schedules.setEnabled(schedule.id, isEnabled, now))) throw notFound();
        const updated = await tx.functions.update(owner.record.id, undefined, {}, now);
        const names = { function: owner.record.name, schedule: schedule.name };
        const detail = { ...names, before: { enabled: schedule.isEnabled }, after: { enabled: isEnabled } };
        await tx.audit.append(auditRecord(now, actor, 'schedule.update', id, detail));
        return updated;
      });
      const before = directory.referenced(functionRecord.id);
      const entry = directory.apply({ record: functionRecord });
      rollout.afterChange(functionRecord.id, before);
      return this.#view({ ...schedule, isEnabled, createdAt: now }, entry);
    });
  }

  /** What a schedule did, the newest first. Rejects with `not_found`/`schedule_not_found`. */
  async runs(project: string, id: string, limit: number): Promise<readonly ScheduleRunView[]> {
    const { schedule } = await this.#find(project, id);
    const runs = await this.#options.store.schedules.runs(schedule.id, limit);
    return Promise.all(runs.map(async (run) => ({ run, status: await this.#statusOf(project, run.invocationId) })));
  }

  async #statusOf(project: string, id: string | undefined): Promise<InvocationStatus | undefined> {
    if (id === undefined) return undefined;
    try {
      return (await this.#options.invocations.get(project, id)).status;
    } catch (error) {
      if (error instanceof PlatformError && error.kind === 'not_found') return undefined;
      throw error;
    }
  }

  async #find(
    project: string,
    id: string,
  ): Promise<{ readonly schedule: ScheduleRecord; readonly owner: FunctionEntry }> {
    const { store, directory } = this.#options;
    const schedule = (await store.schedules.all()).find((record) => record.id === id);
    const owner = schedule && directory.byId(schedule.functionId);
    if (schedule === undefined || owner === undefined || projectOf(owner.record.name) !== project) throw notFound();
    return { schedule, owner };
  }

  #view(record: ScheduleRecord, owner: FunctionEntry): ScheduleView {
    const ticks = () => this.#nextTicks(record.cron, record.timeZone);
    const isActive = record.isEnabled && owner.record.isEnabled;
    // Of a thousand schedules a page shows some: only theirs are worked out.
    return {
      record,
      functionName: owner.record.name,
      get nextTicks() {
        return isActive ? ticks() : [];
      },
      get wouldRunAt() {
        return record.isEnabled ? undefined : ticks()[0];
      },
    };
  }

  /** The ticks of an expression stay the next ones until the first of them is over. */
  #nextTicks(cron: string, timeZone: string): readonly number[] {
    const now = this.#options.clock.now();
    const key = `${timeZone} ${cron}`;
    const known = this.#ticks.get(key);
    if (known !== undefined && known.after <= now && now < (known.ticks[0] ?? 0)) return known.ticks;
    const ticks = nextTicks(cron, timeZone, now, shownTicks);
    if (this.#ticks.size >= maxKnownTicks) this.#ticks.clear();
    this.#ticks.set(key, { after: now, ticks });
    return ticks;
  }
}

const notFound = () => new PlatformError('not_found', 'schedule_not_found', 'there is no such schedule');
