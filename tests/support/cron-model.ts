import fc from 'fast-check';

/**
 * What a cron expression means, written down without the library that computes it: which moments are ticks, found by walking over every minute. Slow, and
 * nothing but the definition, so that property tests can ask whether the fast answer is right.
 */

const minuteMs = 60_000;
const dayMs = 86_400_000;
const firstYear = 2019;
const lastYear = 2037;

/** Zones that change their clocks in different ways: at midnight, by half an hour, over the end of a day, in the south, and never. */
const cronZones = [
  ...['UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'America/Santiago', 'Africa/Cairo'],
  ...['America/Scoresbysund', 'Atlantic/Azores', 'Africa/Casablanca', 'Asia/Kathmandu', 'America/St_Johns'],
] as const;

interface Change {
  /** Unix ms of the first moment with this offset. */
  readonly from: number;
  readonly offsetMs: number;
}

/** How far the clocks of a zone are ahead of UTC, found by asking for every day and then halving. */
function findChanges(timeZone: string): readonly Change[] {
  const format = new Intl.DateTimeFormat('en', { timeZone, timeZoneName: 'longOffset' });
  const offsetAt = (at: number): number => {
    const name = format.formatToParts(at).find(({ type }) => type === 'timeZoneName')?.value ?? '';
    const [, sign, hours, minutes] = /^GMT(?:([+-])(\d\d):(\d\d))?$/.exec(name) ?? [];
    return (sign === '-' ? -1 : 1) * (Number(hours ?? 0) * 60 + Number(minutes ?? 0)) * minuteMs;
  };
  const firstDay = Date.UTC(firstYear, 0, 1);
  const changes: Change[] = [{ from: Number.NEGATIVE_INFINITY, offsetMs: offsetAt(firstDay) }];
  for (let day = firstDay; day < Date.UTC(lastYear + 1, 0, 1); day += dayMs) {
    const offsetMs = offsetAt(day + dayMs);
    if (offsetMs === changes.at(-1)?.offsetMs) continue;
    let [before, from] = [day, day + dayMs];
    while (from - before > minuteMs) {
      const middle = before + Math.floor((from - before) / 2 / minuteMs) * minuteMs;
      if (offsetAt(middle) === offsetMs) from = middle;
      else before = middle;
    }
    changes.push({ from, offsetMs });
  }
  return changes;
}

const known = new Map<string, readonly Change[]>();
function changesOf(timeZone: string): readonly Change[] {
  const changes = known.get(timeZone) ?? findChanges(timeZone);
  known.set(timeZone, changes);
  return changes;
}

interface Field {
  readonly text: string;
  readonly values: ReadonlySet<number>;
}
type Fields = Readonly<Record<'second' | 'minute' | 'hour' | 'day' | 'month' | 'weekday', Field>>;

/** One expression, with five fields, or six with seconds first. */
export class CronModel {
  readonly expression: string;
  readonly #fields: Fields;
  readonly #seconds: readonly number[];
  /** A time of day that there is once: it is not lost with an hour, and does not come again with one. */
  readonly #isFixed: boolean;

  constructor(fields: Fields, hasSeconds: boolean) {
    const { second, minute, hour, day, month, weekday } = fields;
    const shown = [...(hasSeconds ? [second] : []), minute, hour, day, month, weekday];
    this.expression = shown.map(({ text }) => text).join(' ');
    this.#fields = fields;
    this.#seconds = [...second.values].sort((a, b) => a - b);
    this.#isFixed = [second, minute, hour].every(({ text, values }) => values.size === 1 && !/[*/]/.test(text));
  }

  /** Unix ms of the first tick after `at`, in a zone of `cronZones`; undefined when none comes before `until`, which is a whole minute. */
  nextAfter(at: number, until: number, timeZone: string): number | undefined {
    const walk = new Walk(timeZone);
    for (let minute = wholeMinute(at); minute < until; minute += minuteMs) {
      const next = this.#ticksOf(minute, walk).find((tick) => tick > at);
      if (next !== undefined) return next;
    }
    return undefined;
  }

  /** The last tick until `at` and with it; undefined when there was none since `from`, which is a whole minute. */
  newestUntil(at: number, from: number, timeZone: string): number | undefined {
    const walk = new Walk(timeZone);
    for (let minute = wholeMinute(at); minute >= from; minute -= minuteMs) {
      const newest = this.#ticksOf(minute, walk).findLast((tick) => tick <= at);
      if (newest !== undefined) return newest;
    }
    return undefined;
  }

  #ticksOf(minute: number, walk: Walk): readonly number[] {
    const { wall, isFirst, isRepeated, skippedMs } = walk.at(minute);
    if (!walk.isKnownDay(wall, (day) => this.#isOnDay(day)) || (this.#isFixed && isRepeated)) return nothing;
    if (this.#isInMinute(wall)) return this.#seconds.map((second) => minute + second * 1000);
    return this.#isFixed && isFirst && this.#isInGap(wall - skippedMs, wall) ? [minute] : nothing;
  }

  #isInMinute(wall: number): boolean {
    const { minute, hour } = this.#fields;
    return minute.values.has((wall / minuteMs) % 60) && hour.values.has(Math.floor(wall / 3_600_000) % 24);
  }

  #isOnDay(wall: number): boolean {
    const { day, month, weekday } = this.#fields;
    const date = new Date(wall);
    if (!month.values.has(date.getUTCMonth() + 1)) return false;
    const isDay = day.values.has(date.getUTCDate());
    const isWeekday = weekday.values.has(date.getUTCDay()) || (date.getUTCDay() === 0 && weekday.values.has(7));
    // Where both say something, either is enough.
    return day.text !== '*' && weekday.text !== '*' ? isDay || isWeekday : isDay && isWeekday;
  }

  /** A time of day of the expression is among those that the clocks left out, on the day on which they go on. */
  #isInGap(start: number, end: number): boolean {
    for (let wall = start; wall < end; wall += minuteMs) {
      if (dayOf(wall) === dayOf(end) && this.#isInMinute(wall)) return true;
    }
    return false;
  }
}

const nothing: readonly number[] = [];
const wholeMinute = (at: number): number => Math.floor(at / minuteMs) * minuteMs;
const dayOf = (wall: number): number => Math.floor(wall / dayMs);

interface LocalMinute {
  /** What the local clock shows, as if it were UTC. */
  readonly wall: number;
  /** The first one after the clocks were changed. */
  readonly isFirst: boolean;
  /** The clocks went back, and have shown this before. */
  readonly isRepeated: boolean;
  /** How much the last change left out, or less than nothing. */
  readonly skippedMs: number;
}

/** What the clocks of a zone show from minute to minute, and whether their day is one of those that are looked for. */
class Walk {
  readonly #changes: readonly Change[];
  #index = 0;
  #day = Number.NaN;
  #isDay = false;

  constructor(timeZone: string) {
    this.#changes = changesOf(timeZone);
  }

  at(minute: number): LocalMinute {
    const isSince = (index: number) => (this.#changes[index]?.from ?? Number.POSITIVE_INFINITY) <= minute;
    if (!isSince(this.#index) || isSince(this.#index + 1)) {
      this.#index = this.#changes.findLastIndex(({ from }) => from <= minute);
    }
    const { from, offsetMs } = this.#changes[this.#index] as Change;
    const skippedMs = offsetMs - (this.#changes[this.#index - 1]?.offsetMs ?? offsetMs);
    return { wall: minute + offsetMs, isFirst: minute === from, isRepeated: minute < from - skippedMs, skippedMs };
  }

  isKnownDay(wall: number, isOnDay: (wall: number) => boolean): boolean {
    if (dayOf(wall) !== this.#day) {
      this.#day = dayOf(wall);
      this.#isDay = isOnDay(wall);
    }
    return this.#isDay;
  }
}

const range = (from: number, to: number, step = 1): readonly number[] =>
  Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, i) => from + i * step);

/** What can be in a field beside wildcards: a number, a range, a range with steps, or a list of these. */
function someOf(from: number, to: number): fc.Arbitrary<Field> {
  const value = fc.integer({ min: from, max: to });
  const bounds = fc.tuple(value, value).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);
  const number = value.map((n) => ({ text: `${n}`, values: [n] }));
  const between = bounds.map(([low, high]) => ({ text: `${low}-${high}`, values: range(low, high) }));
  const steps = fc
    .tuple(bounds, fc.integer({ min: 1, max: Math.min(to - from + 1, 7) }))
    .map(([[low, high], step]) => ({ text: `${low}-${high}/${step}`, values: range(low, high, step) }));
  const list = fc.array(fc.oneof(number, between, steps), { minLength: 2, maxLength: 3 }).map((parts) => ({
    text: parts.map(({ text }) => text).join(','),
    values: parts.flatMap(({ values }) => values),
  }));
  const weighed = [number, number, number, between, steps, list];
  return fc.oneof(...weighed).map(({ text, values }) => ({ text, values: new Set(values) }));
}

/** Any field; of so many and five, so many are `*`. */
function field(from: number, to: number, wildcards: number): fc.Arbitrary<Field> {
  const all = fc.constant({ text: '*', values: new Set(range(from, to)) });
  const every = fc
    .integer({ min: 1, max: to - from })
    .map((step) => ({ text: `*/${step}`, values: new Set(range(from, to, step)) }));
  return fc.oneof(
    { weight: wildcards, arbitrary: all },
    { weight: 1, arbitrary: every },
    { weight: 4, arbitrary: someOf(from, to) },
  );
}

/** Expressions of any kind, of which many fire within a few days. */
export const cronModels: fc.Arbitrary<CronModel> = fc
  .record({
    hasSeconds: fc.boolean(),
    second: field(0, 59, 2),
    minute: field(0, 59, 3),
    // Where clocks change.
    hour: fc.oneof(field(0, 23, 5), someOf(0, 3)),
    day: field(1, 31, 20),
    month: field(1, 12, 30),
    weekday: field(0, 7, 20),
  })
  .map(
    ({ hasSeconds, second, ...fields }) =>
      new CronModel({ ...fields, second: hasSeconds ? second : { text: '0', values: new Set([0]) } }, hasSeconds),
  );

export interface ZonedTime {
  readonly timeZone: string;
  /** Unix ms. */
  readonly at: number;
}

/** Moments in a zone, two of three within two days of a change of its clocks where it has any. */
export const zonedTimes: fc.Arbitrary<ZonedTime> = fc
  .record({
    timeZone: fc.constantFrom(...cronZones),
    anywhere: fc.integer({ min: Date.UTC(firstYear, 0, 5), max: Date.UTC(lastYear, 11, 20) }),
    which: fc.nat(),
    offMs: fc.integer({ min: -2 * dayMs, max: 2 * dayMs }),
    isNear: fc.constantFrom(true, true, false),
  })
  .map(({ timeZone, anywhere, which, offMs, isNear }) => {
    const changes = changesOf(timeZone).slice(1);
    const change = changes[which % Math.max(1, changes.length)];
    return { timeZone, at: isNear && change !== undefined ? change.from + offMs : anywhere };
  });
