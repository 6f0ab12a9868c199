import { PlatformError } from '../../shared/errors.ts';
import { projectOf } from '../../shared/names.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { SubmitResult } from '../core/ports/scheduler.ts';
import type { ScheduleRecord, Store } from '../core/ports/store.ts';
import { type Actor, auditRecord } from './audit.ts';
import { nextTicks } from './cron.ts';
import type { InMemoryFunctionDirectory } from './function-directory.ts';
import type { Invocations } from './invocations.ts';

export interface SchedulesOptions {
  readonly store: Store;
  readonly directory: InMemoryFunctionDirectory;
  readonly invocations: Invocations;
  readonly clock: Clock;
}

export interface ScheduleView {
  readonly record: ScheduleRecord;
  readonly functionName: string;
  /** The next three, Clock.now ms; none while the schedule or its function is disabled. */
  readonly nextTicks: readonly number[];
}

const shownTicks = 3;
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
    const views = records
      .map((record) => this.#view(record))
      .filter((view) => view !== undefined && projectOf(view.functionName) === project) as ScheduleView[];
    const key = (view: ScheduleView) => `${view.functionName}/${view.record.name}`;
    return views.sort((a, b) => (key(a) < key(b) ? -1 : 1));
  }

  /** Submits one run now, beside the ticks. Rejects with `not_found`/`schedule_not_found`. */
  async run(project: string, id: string, actor: Actor): Promise<SubmitResult> {
    const { store, directory, invocations, clock } = this.#options;
    const schedule = (await store.schedules.all()).find((record) => record.id === id);
    const owner = schedule && directory.byId(schedule.functionId);
    if (schedule === undefined || owner === undefined || projectOf(owner.record.name) !== project) {
      throw new PlatformError('not_found', 'schedule_not_found', 'there is no such schedule');
    }
    const resolution = invocations.resolve(owner.record.name, schedule.alias);
    const submitted = await invocations.submit(resolution, Buffer.from(schedule.payload), {
      trigger: 'schedule',
      delayMs: 0,
      idempotencyKey: undefined,
      traceparent: undefined,
      callChain: undefined,
      replayOf: undefined,
    });
    const detail = { function: owner.record.name, schedule: schedule.name, invocation: submitted.id };
    await store.audit.append(auditRecord(clock.now(), actor, 'schedule.run', id, detail));
    return submitted;
  }

  #view(record: ScheduleRecord): ScheduleView | undefined {
    const owner = this.#options.directory.byId(record.functionId);
    if (owner === undefined) return undefined;
    const isActive = record.isEnabled && owner.record.isEnabled;
    const ticks = () => (isActive ? this.#nextTicks(record.cron, record.timeZone) : []);
    // Of a thousand schedules a page shows some: only theirs are worked out.
    return {
      record,
      functionName: owner.record.name,
      get nextTicks() {
        return ticks();
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
