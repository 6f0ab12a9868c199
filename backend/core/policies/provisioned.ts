import { type ProvisionedWindow, weekdays } from '../../../shared/provisioned-windows.ts';
import type { VersionConfig } from '../../../shared/version-config.ts';

type Provisioned = Pick<VersionConfig, 'minInstances' | 'provisionedWindows'>;
type Weekday = (typeof weekdays)[number];

/** Making a formatter costs a hundred times what using it does. There are as many as time zones in use. */
const formatters = new Map<string, Intl.DateTimeFormat>();

/** Instances to keep warm at `now` (wall clock, ms): `minInstances`, or the largest of the windows that hold. */
export function minInstancesAt({ minInstances, provisionedWindows }: Provisioned, now: number): number {
  let most = minInstances;
  for (const window of provisionedWindows) {
    if (window.minInstances > most && holds(window, now)) most = window.minInstances;
  }
  return most;
}

/** The most that the version ever keeps warm. */
export function mostMinInstances({ minInstances, provisionedWindows }: Provisioned): number {
  return Math.max(minInstances, ...provisionedWindows.map((window) => window.minInstances));
}

/** By the local clock, whatever it does when clocks change. Past midnight, the day on which the window began counts. */
function holds({ from, to, days, timeZone }: ProvisionedWindow, now: number): boolean {
  const { day, time } = localTime(now, timeZone);
  if (from < to) return days.includes(day) && from <= time && time < to;
  if (time >= from) return days.includes(day);
  return time < to && days.includes(dayBefore(day));
}

function localTime(now: number, timeZone: string): { readonly day: Weekday; readonly time: string } {
  let formatter = formatters.get(timeZone);
  if (formatter === undefined) {
    formatter = new Intl.DateTimeFormat('en-GB', {
      timeZone,
      weekday: 'short',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    });
    formatters.set(timeZone, formatter);
  }
  const parts = new Map(formatter.formatToParts(now).map(({ type, value }) => [type, value]));
  const day = (parts.get('weekday') ?? 'Sun').toLowerCase() as Weekday;
  return { day, time: `${parts.get('hour')}:${parts.get('minute')}` };
}

function dayBefore(day: Weekday): Weekday {
  return weekdays[(weekdays.indexOf(day) + 6) % 7] ?? day;
}
