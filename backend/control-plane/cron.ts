import { Cron } from 'croner';
import { PlatformError } from '../../shared/errors.ts';

function badSchedule(name: string, reason: string): PlatformError {
  return new PlatformError('invalid_request', 'bad_schedule', `schedule ${name}: ${reason}`);
}

/** The next `count` ticks after `after` (Clock.now ms), ascending; fewer when the expression has no more. */
export function nextTicks(cron: string, timeZone: string, after: number, count: number): readonly number[] {
  const ticks = new Cron(cron, { timezone: timeZone, paused: true, mode: '5-or-6-parts' });
  return ticks.nextRuns(count, new Date(after)).map((date) => date.getTime());
}

/** Throws `invalid_request`/`bad_schedule` unless the expression and the zone are valid and it will ever fire. */
export function checkCron(name: string, cron: string, timeZone: string, now: number): void {
  try {
    new Intl.DateTimeFormat('en', { timeZone });
  } catch {
    throw badSchedule(name, `${JSON.stringify(timeZone)} is no IANA time zone; use a name such as Europe/Berlin`);
  }
  let ticks: readonly number[];
  try {
    ticks = nextTicks(cron, timeZone, now, 1);
  } catch (error) {
    const reason = (error as Error).message.replace(/^Cron\w*: /, '');
    throw badSchedule(name, `${JSON.stringify(cron)}: ${reason}`);
  }
  if (ticks.length === 0) throw badSchedule(name, `${JSON.stringify(cron)} never fires`);
}
