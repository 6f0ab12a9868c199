import { type TimeZone, wallClock } from './time-zone.ts';

/** Numbers and times as people read them. No function here throws; what is not a number is a dash. */
const dash = '–';
const integer = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const isNumber = (value: number | null | undefined): value is number =>
  value !== null && value !== undefined && Number.isFinite(value);

function trimmed(value: number, digits: number): string {
  const text = value.toFixed(digits);
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

/** 950, 12.3k, 4.56M. */
export function formatCount(value: number | null | undefined): string {
  if (!isNumber(value)) return dash;
  const size = Math.abs(value);
  if (size < 10_000)
    return size < 10 && !Number.isInteger(value) ? trimmed(value, size < 1 ? 2 : 1) : integer.format(value);
  if (size < 999_500) return `${trimmed(value / 1000, size < 100_000 ? 1 : 0)}k`;
  return `${trimmed(value / 1_000_000, 2)}M`;
}

/** `1 call`, `2 calls`, `12.3k calls`; for nouns whose plural ends in s. */
export function counted(value: number, noun: string): string {
  return `${formatCount(value)} ${noun}${value === 1 ? '' : 's'}`;
}

/** Per second: 0.03, 1.5, 320. */
export function formatRate(perSecond: number | null | undefined): string {
  if (!isNumber(perSecond)) return dash;
  if (perSecond === 0) return '0';
  if (perSecond < 0.01) return '<0.01';
  if (perSecond < 1) return trimmed(perSecond, 2);
  if (perSecond < 100) return trimmed(perSecond, 1);
  return formatCount(Math.round(perSecond));
}

/** A duration: 0.4 ms, 12 ms, 1.25 s, 3 min 20 s, 2 h 5 min. */
export function formatMs(ms: number | null | undefined): string {
  if (!isNumber(ms)) return dash;
  if (ms === 0) return '0 ms';
  if (ms < 0.1) return '<0.1 ms';
  if (ms < 9.95) return `${trimmed(ms, 1)} ms`;
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${trimmed(ms / 1000, ms < 9995 ? 2 : 1)} s`;
  return formatSpan(ms);
}

/** A long time in its two largest units. */
export function formatSpan(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const units: readonly [number, string][] = [
    [86_400, 'd'],
    [3600, 'h'],
    [60, 'min'],
    [1, 's'],
  ];
  const first = units.findIndex(([size]) => seconds >= size);
  if (first < 0) return '0 s';
  const parts: string[] = [];
  let rest = seconds;
  for (const [size, name] of units.slice(first, first + 2)) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) parts.push(`${count} ${name}`);
  }
  return parts.join(' ');
}

/** A share of 0 to 1 as per cent: 0 %, <0.1 %, 2.5 %, 100 %. */
export function formatPercent(share: number | null | undefined): string {
  if (!isNumber(share)) return dash;
  const percent = share * 100;
  if (percent > 0 && percent < 0.1) return '<0.1 %';
  return `${trimmed(percent, percent < 10 ? 1 : 0)} %`;
}

/** Bytes in binary units: 512 B, 1.5 KiB, 240 MiB. */
export function formatBytes(bytes: number | null | undefined): string {
  if (!isNumber(bytes)) return dash;
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (Math.abs(value) >= 1023.5 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? Math.round(value) : trimmed(value, value < 10 ? 1 : 0)} ${units[unit] ?? 'B'}`;
}

/** `now`, `12 s ago`, `5 min ago`, `in 3 h`; `never` for null. */
export function formatAgo(at: string | null | undefined, now: number): string {
  if (at === null || at === undefined) return 'never';
  const ms = now - Date.parse(at);
  if (Number.isNaN(ms)) return dash;
  const size = Math.abs(ms);
  if (size < 2000) return 'now';
  const [unitMs, name] =
    size < 60_000
      ? [1000, 's']
      : size < 3_600_000
        ? [60_000, 'min']
        : size < 86_400_000
          ? [3_600_000, 'h']
          : [86_400_000, 'd'];
  const count = Math.floor(size / unitMs);
  return ms >= 0 ? `${count} ${name} ago` : `in ${count} ${name}`;
}

/** Wall time `14:03:07.120` on that clock. In a page it is `ui/date-time.tsx` that writes times, which follows the choice. */
export function formatClock(at: string, zone: TimeZone, withMs = true): string {
  const ms = Date.parse(at);
  if (Number.isNaN(ms)) return dash;
  const { hours, minutes, seconds, millis } = wallClock(ms, zone);
  return `${hours}:${minutes}:${seconds}${withMs ? `.${millis}` : ''}`;
}

/** Date and time `2026-11-24 14:03:07` on that clock, which it names when that is UTC. */
export function formatDateTime(at: string | null | undefined, zone: TimeZone): string {
  const ms = Date.parse(at ?? '');
  if (Number.isNaN(ms)) return dash;
  const { year, month, day, hours, minutes, seconds } = wallClock(ms, zone);
  return `${year}-${month}-${day} ${hours}:${minutes}:${seconds}${zone === 'utc' ? ' UTC' : ''}`;
}

/** How much `current` differs from `previous`, or undefined when there is nothing to compare. */
export function changeOf(
  current: number | null | undefined,
  previous: number | null | undefined,
): { readonly text: string; readonly direction: 'up' | 'down' | 'same' } | undefined {
  if (!isNumber(current) || !isNumber(previous) || previous === 0) return undefined;
  const change = (current - previous) / previous;
  if (Math.abs(change) < 0.005) return { text: 'no change', direction: 'same' };
  const size = Math.abs(change);
  const text = size >= 9.995 ? `${Math.round(size + 1)}×` : `${Math.round(size * 100)} %`;
  return change > 0
    ? { text: size >= 9.995 ? text : `+${text}`, direction: 'up' }
    : { text: `−${text}`, direction: 'down' };
}

/** Pretty JSON; text that is not JSON stays as it is. */
export function prettyJson(value: unknown): string {
  if (typeof value !== 'string') return JSON.stringify(value, null, 2) ?? '';
  try {
    JSON.parse(value);
  } catch {
    return value;
  }
  return indentJson(value);
}

/** Token by token, so that numbers which JavaScript cannot hold stay as they were written. */
function indentJson(text: string): string {
  const line = (depth: number) => `\n${'  '.repeat(depth)}`;
  let depth = 0;
  let isOpen = false;
  let laidOut = '';
  for (const [token] of text.matchAll(/"[^"\\]*(?:\\.[^"\\]*)*"|[[\]{},:]|[^\s[\]{},:"]+/g)) {
    const isClosing = token === '}' || token === ']';
    if (isClosing) depth--;
    if (isOpen !== isClosing) laidOut += line(depth);
    laidOut += token;
    isOpen = token === '{' || token === '[';
    if (isOpen) depth++;
    else if (token === ',') laidOut += line(depth);
    else if (token === ':') laidOut += ' ';
  }
  return laidOut;
}
