import type { Schedule, ScheduleInput } from '../../shared/api/functions.ts';
import { jsonError } from '../util/json-error.ts';
import { nameError } from './names.ts';

/** A schedule as the form holds it. */
export interface ScheduleDraft {
  readonly name: string;
  readonly cron: string;
  readonly timeZone: string;
  /** JSON, sent as it is written; empty: null. */
  readonly payload: string;
  readonly alias: string;
  readonly misfire: Schedule['misfire'];
  readonly enabled: boolean;
}

export type ScheduleErrors = Partial<Record<'name' | 'cron' | 'payload', string>>;

export const emptySchedule = (timeZone: string): ScheduleDraft => ({
  ...{ name: '', cron: '', timeZone, payload: '', alias: 'live', misfire: 'run-once', enabled: true },
});

export const scheduleDraftOf = (schedule: Schedule): ScheduleDraft => ({
  name: schedule.name,
  cron: schedule.cron,
  timeZone: schedule.timeZone,
  payload: schedule.payloadText === 'null' ? '' : schedule.payloadText,
  alias: schedule.alias,
  misfire: schedule.misfire,
  enabled: schedule.enabled,
});

/** What is sent of a checked draft. The payload never goes through JSON.parse: numbers stay as they were typed. */
export function scheduleInputOf({ payload, cron, timeZone, ...rest }: ScheduleDraft): ScheduleInput {
  return {
    ...rest,
    cron: cron.trim(),
    timeZone: timeZone.trim(),
    payloadText: payload.trim() === '' ? 'null' : payload,
  };
}

/** What a schedule is sent back as when another one changes. */
export const inputOfSchedule = (schedule: Schedule): ScheduleInput => scheduleInputOf(scheduleDraftOf(schedule));

/** What can be known to be wrong without asking; `taken` are the names of the other schedules. */
export function checkSchedule(draft: ScheduleDraft, taken: readonly string[]): ScheduleErrors {
  const errors: ScheduleErrors = {};
  const name = nameError(draft.name) ?? (taken.includes(draft.name) ? 'There is a schedule of this name' : undefined);
  if (name !== undefined) errors.name = name;
  if (draft.cron.trim().length < 6) errors.cron = 'Five or six fields, or @daily and the like';
  const payload = draft.payload.trim() === '' ? undefined : jsonError(draft.payload);
  if (payload !== undefined) errors.payload = `Not JSON: ${payload}`;
  return errors;
}
