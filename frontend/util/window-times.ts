import { dayMs, minuteMs } from '../../shared/durations.ts';
import { type ProvisionedWindow, weekdays } from '../../shared/provisioned-windows.ts';

/** When a window is open next, or is now; milliseconds since 1970. */
export interface WindowTimes {
  readonly from: number;
  /** Not included. */
  readonly to: number;
}

/** Making a formatter costs a hundred times what using it does. There are as many as time zones in use. */
const formatters = new Map<string, Intl.DateTimeFormat>();

function formatterOf(timeZone: string): Intl.DateTimeFormat {
  const known = formatters.get(timeZone);
  if (known !== undefined) return known;
  const made = new Intl.DateTimeFormat('en-GB', {
    ...{ timeZone, hourCycle: 'h23', year: 'numeric', month: '2-digit', day: '2-digit' },
    ...{ hour: '2-digit', minute: '2-digit', second: '2-digit' },
  });
  formatters.set(timeZone, made);
  return made;
}

/** How far the clock of a time zone is ahead of UTC at a time. */
function offsetMs(at: number, timeZone: string): number {
  const parts = formatterOf(timeZone).formatToParts(at);
  const number = (type: Intl.DateTimeFormatPartTypes) => Number(parts.find((part) => part.type === type)?.value);
  const [year, month, day] = [number('year'), number('month'), number('day')];
  const wall = Date.UTC(year, month - 1, day, number('hour'), number('minute'), number('second'));
  return wall - Math.floor(at / 1000) * 1000;
}

/** The time at which the clock of a time zone shows `wall`, which is given as if it were UTC. Near a change of the clocks: one that is close. */
function instantOf(wall: number, timeZone: string): number {
  const guess = wall - offsetMs(wall, timeZone);
  return wall - offsetMs(guess, timeZone);
}

const minutesOf = (time: string): number => Number(time.slice(0, 2)) * 60 + Number(time.slice(3));

/** The window that holds at `now`, or the next one; of a window that the platform takes. */
export function nextWindow({ days, from, to, timeZone }: ProvisionedWindow, now: number): WindowTimes | undefined {
  const today = Math.floor((now + offsetMs(now, timeZone)) / dayMs) * dayMs;
  // Yesterday's may go past midnight; with one day a week the next may be a week away.
  for (let ahead = -1; ahead <= 7; ahead++) {
    const day = today + ahead * dayMs;
    const name = weekdays[new Date(day).getUTCDay()];
    if (name === undefined || !days.includes(name)) continue;
    const lastDay = to <= from ? day + dayMs : day;
    const end = instantOf(lastDay + minutesOf(to) * minuteMs, timeZone);
    if (end > now) return { from: instantOf(day + minutesOf(from) * minuteMs, timeZone), to: end };
  }
  return undefined;
}
