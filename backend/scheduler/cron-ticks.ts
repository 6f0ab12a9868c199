import { Cron } from 'croner';
import { PlatformError } from '../../shared/errors.ts';

/** Ticks of one cron expression in one time zone. Times are wall clock ms; the zone's rules decide what happens when clocks change. */
export interface CronTicks {
  /** The first tick after `at`, or undefined when there is none any more. */
  nextAfter(at: number): number | undefined;
  /** The newest tick at or before `at`, or undefined. */
  newestUntil(at: number): number | undefined;
}

/**
 * Five fields, or six with seconds first. Throws `invalid_request` / `bad_cron` or `bad_time_zone` with what is wrong.
 * When clocks change, as croner does it: with one second, minute and hour, a time that is left out comes at the first moment after the gap if that is
 * on the same day, and one that comes twice counts the first time. With a wildcard, a list, a range or steps in one of these, what is left out is left
 * out, and what comes twice counts twice.
 */
export function cronTicks(expression: string, timeZone: string): CronTicks {
  const cron = parse(expression, timeZone);
  return {
    nextAfter: (at) => cron.nextRun(new Date(at))?.getTime(),
    // One second is the finest grain of a pattern; `previousRuns` looks strictly before its reference.
    newestUntil: (at) => cron.previousRuns(1, new Date(Math.floor(at / 1000) * 1000 + 1000))[0]?.getTime(),
  };
}

function parse(expression: string, timeZone: string): Cron {
  try {
    new Intl.DateTimeFormat('en', { timeZone });
  } catch {
    throw new PlatformError(
      'invalid_request',
      'bad_time_zone',
      `${timeZone} is no time zone, for example Europe/Berlin`,
    );
  }
  try {
    return new Cron(expression, { timezone: timeZone, paused: true, mode: '5-or-6-parts' });
  } catch (cause) {
    const { message } = cause as Error;
    throw new PlatformError('invalid_request', 'bad_cron', `${expression} is no cron expression: ${message}`, {
      cause,
    });
  }
}
