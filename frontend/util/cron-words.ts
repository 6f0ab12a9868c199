/** What one field of a cron expression stands for. */
type CronField =
  | { readonly kind: 'all' }
  /** Divides the field evenly: each step is as long as the next. */
  | { readonly kind: 'step'; readonly step: number }
  | { readonly kind: 'range'; readonly from: number; readonly to: number }
  | { readonly kind: 'values'; readonly values: readonly number[] };

interface FieldShape {
  readonly min: number;
  readonly max: number;
  readonly names?: readonly string[];
}

const days = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'] as const;
const months = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
] as const;

const minutes: FieldShape = { min: 0, max: 59 };
const hours: FieldShape = { min: 0, max: 23 };
const monthDays: FieldShape = { min: 1, max: 31 };
const monthNumbers: FieldShape = { min: 1, max: 12, names: months };
/** 7 is Sunday too. */
const weekDays: FieldShape = { min: 0, max: 7, names: days };

const nicknames: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};

function numberOf(text: string, { min, max, names = [] }: FieldShape): number | undefined {
  const named = names.findIndex((name) => name.slice(0, 3).toLowerCase() === text.toLowerCase());
  if (named >= 0) return named + min;
  const value = /^\d{1,2}$/.test(text) ? Number(text) : Number.NaN;
  return value >= min && value <= max ? value : undefined;
}

function rangeOf(text: string, shape: FieldShape): readonly [number, number] | undefined {
  const [from, to = from, more] = text.split('-').map((part) => numberOf(part, shape));
  return from === undefined || to === undefined || more !== undefined || to < from ? undefined : [from, to];
}

function fieldOf(text: string, shape: FieldShape): CronField | undefined {
  if (text === '*') return { kind: 'all' };
  const step = Number(text.match(/^\*\/(\d{1,2})$/)?.[1] ?? 0);
  if (step === 1) return { kind: 'all' };
  // A step that does not divide the hour or the day begins anew at its end: "every 7 minutes" would be wrong.
  if (step > 1) return (shape.max + 1) % step === 0 && shape.min === 0 ? { kind: 'step', step } : undefined;
  const ranges = text.split(',').map((part) => rangeOf(part, shape));
  const [first] = ranges;
  if (ranges.length === 1 && first !== undefined && first[0] < first[1])
    return { kind: 'range', from: first[0], to: first[1] };
  const values: number[] = [];
  for (const range of ranges) {
    if (range === undefined) return undefined;
    for (let value = range[0]; value <= range[1]; value++) values.push(value);
  }
  return { kind: 'values', values: [...new Set(values)].sort((a, b) => a - b) };
}

const valuesOf = (field: CronField): readonly number[] => (field.kind === 'values' ? field.values : []);
const two = (value: number): string => String(value).padStart(2, '0');
const clock = (hour: number, minute: number): string => `${two(hour)}:${two(minute)}`;

/** "a", "a and b", "a, b and c". */
function listed(words: readonly string[]): string {
  const last = words.at(-1) ?? '';
  return words.length < 2 ? last : `${words.slice(0, -1).join(', ')} and ${last}`;
}

function ordinal(value: number): string {
  const endings = ['th', 'st', 'nd', 'rd'];
  const isTeen = value > 10 && value < 14;
  return `${value}${(isTeen ? undefined : endings[value % 10]) ?? 'th'}`;
}

const mostTimes = 6;

/** More than one time an hour. */
function oftenWords(every: string, hour: CronField): string | undefined {
  if (hour.kind === 'all') return every;
  if (hour.kind === 'range') return `${every} from ${clock(hour.from, 0)} to ${clock(hour.to, 59)}`;
  const [only, ...more] = valuesOf(hour);
  return only === undefined || more.length > 0 ? undefined : `${every} from ${clock(only, 0)} to ${clock(only, 59)}`;
}

function timeWords(minute: CronField, hour: CronField): string | undefined {
  if (minute.kind === 'all') return oftenWords('Every minute', hour);
  if (minute.kind === 'step') return oftenWords(`Every ${minute.step} minutes`, hour);
  const [first, ...others] = valuesOf(minute);
  if (first === undefined) return undefined;
  const isOne = others.length === 0;
  if (hour.kind === 'values') {
    const times = hour.values.flatMap((at) => [first, ...others].map((past) => clock(at, past)));
    return times.length > mostTimes ? undefined : `At ${listed(times)}`;
  }
  if (isOne && hour.kind === 'step') return `Every ${hour.step} hours from ${clock(0, first)}`;
  if (isOne && hour.kind === 'range') return `Every hour from ${clock(hour.from, first)} to ${clock(hour.to, first)}`;
  if (hour.kind !== 'all' || others.length >= mostTimes) return undefined;
  if (isOne) return first === 0 ? 'Every hour, on the hour' : `Every hour at minute ${first}`;
  return `Every hour at minutes ${listed([first, ...others].map(String))}`;
}

/** Undefined when it is no plain list or range of names; empty for all. */
function namesOf(field: CronField, name: (value: number) => string): string | undefined {
  if (field.kind === 'all') return '';
  if (field.kind === 'range') return `${name(field.from)} to ${name(field.to)}`;
  return field.kind === 'values' ? listed(field.values.map(name)) : undefined;
}

function dateWords(day: CronField, month: CronField, weekDay: CronField, isAtTimes: boolean): string | undefined {
  const dayNames = namesOf(day, (value) => `the ${ordinal(value)}`);
  const monthNames = namesOf(month, (value) => months[value - 1] ?? '');
  const weekDayNames = namesOf(weekDay, (value) => days[value % 7] ?? '');
  if (dayNames === undefined || monthNames === undefined || weekDayNames === undefined) return undefined;
  // Either of both is enough, which no short sentence says.
  if (dayNames !== '' && weekDayNames !== '') return undefined;
  if (dayNames !== '') return ` on ${dayNames} of ${monthNames === '' ? 'every month' : monthNames}`;
  const inMonths = monthNames === '' ? '' : ` in ${monthNames}`;
  if (weekDayNames === '') return (isAtTimes ? ' every day' : '') + inMonths;
  return `${weekDay.kind === 'range' ? ', ' : ' on '}${weekDayNames}${inMonths}`;
}

/** A cron expression as a sentence without its full stop, for the common forms; undefined for all others. Checks nothing. */
export function cronWords(cron: string): string | undefined {
  const expression = nicknames[cron.trim().toLowerCase()] ?? cron.trim();
  const [m = '', h = '', d = '', mo = '', w = '', ...more] = expression.split(/\s+/);
  const minute = fieldOf(m, minutes);
  const hour = fieldOf(h, hours);
  const day = fieldOf(d, monthDays);
  const month = fieldOf(mo, monthNumbers);
  const weekDay = fieldOf(w, weekDays);
  if (more.length > 0 || minute === undefined || hour === undefined) return undefined;
  if (day === undefined || month === undefined || weekDay === undefined) return undefined;
  const time = timeWords(minute, hour);
  const date = dateWords(day, month, weekDay, hour.kind === 'values' && minute.kind === 'values');
  return time === undefined || date === undefined ? undefined : time + date;
}
