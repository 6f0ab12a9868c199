import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { cronModels, zonedTimes } from '../../tests/support/cron-model.ts';
import { cases } from '../../tests/support/fuzz.ts';
import { cronTicks } from './cron-ticks.ts';

const at = (text: string) => Date.parse(text);

describe('cronTicks', () => {
  it('finds ticks around a time, exactly on it included', () => {
    const ticks = cronTicks('*/15 * * * *', 'UTC');
    expect(ticks.nextAfter(at('2030-01-01T10:00:00Z'))).toBe(at('2030-01-01T10:15:00Z'));
    expect(ticks.nextAfter(at('2030-01-01T09:59:59.999Z'))).toBe(at('2030-01-01T10:00:00Z'));
    expect(ticks.newestUntil(at('2030-01-01T10:00:00Z'))).toBe(at('2030-01-01T10:00:00Z'));
    expect(ticks.newestUntil(at('2030-01-01T10:14:59.999Z'))).toBe(at('2030-01-01T10:00:00Z'));
  });

  it('takes six fields with seconds first', () => {
    const ticks = cronTicks('*/10 * * * * *', 'UTC');
    expect(ticks.nextAfter(at('2030-01-01T10:00:03Z'))).toBe(at('2030-01-01T10:00:10Z'));
  });

  it('follows the time zone through both changes of the clock', () => {
    const ticks = cronTicks('30 8 * * *', 'Europe/Berlin');
    expect(ticks.nextAfter(at('2030-03-30T12:00:00Z'))).toBe(at('2030-03-31T06:30:00Z'));
    expect(ticks.nextAfter(at('2030-10-26T12:00:00Z'))).toBe(at('2030-10-27T07:30:00Z'));
  });

  const ticksOf = (expression: string, timeZone: string, from: string, until: string) => {
    const ticks = cronTicks(expression, timeZone);
    const found: number[] = [];
    for (let t = ticks.nextAfter(at(from)); t !== undefined && t < at(until); t = ticks.nextAfter(t)) found.push(t);
    return found.map((tick) => new Date(tick).toISOString().slice(0, 16));
  };

  it('runs a daily tick once on the day whose hour comes twice, and still on the day whose hour is missing', () => {
    const daily = ['30 2 * * *', 'Europe/Berlin'] as const;
    expect(ticksOf(...daily, '2030-10-26T12:00Z', '2030-10-27T12:00Z')).toEqual(['2030-10-27T00:30']);
    expect(ticksOf(...daily, '2030-03-30T12:00Z', '2030-03-31T12:00Z')).toEqual(['2030-03-31T01:00']);
    // There the clocks go from 23:00 to the next day.
    const late = ['30 23 * * *', 'America/Scoresbysund'] as const;
    expect(ticksOf(...late, '2030-03-30T12:00Z', '2030-03-31T12:00Z')).toEqual([]);
  });

  it('runs what comes again and again in both of the same hours, and not in the missing one', () => {
    const often = ['15,45 2 * * *', 'Europe/Berlin'] as const;
    const hours = ['2030-10-27T00:15', '2030-10-27T00:45', '2030-10-27T01:15', '2030-10-27T01:45'];
    expect(ticksOf(...often, '2030-10-26T12:00Z', '2030-10-27T12:00Z')).toEqual(hours);
    expect(ticksOf(...often, '2030-03-30T12:00Z', '2030-03-31T12:00Z')).toEqual([]);
  });

  it('has none where there are none', () => {
    const never = cronTicks('0 0 30 2 *', 'UTC');
    expect(never.nextAfter(at('2030-01-01T10:00:00Z'))).toBeUndefined();
    expect(never.newestUntil(at('2030-01-01T10:00:00Z'))).toBeUndefined();
  });

  it.each([
    ['* * *', 'UTC', 'bad_cron', /^\* \* \* is no cron expression: \S/],
    ['61 * * * *', 'UTC', 'bad_cron', /^61 \* \* \* \* is no cron expression: \S/],
    ['* * * * *', 'Mars/Base', 'bad_time_zone', /^Mars\/Base is no time zone, for example/],
  ])('refuses %s in %s', (expression, timeZone, code, message) => {
    expect(() => cronTicks(expression, timeZone)).toThrow(
      expect.objectContaining({ kind: 'invalid_request', code, message: expect.stringMatching(message) }),
    );
  });

  it('keeps what the library said', () => {
    expect(() => cronTicks('61 * * * *', 'UTC')).toThrow(expect.objectContaining({ cause: expect.any(Error) }));
  });
});

test('the next tick and the newest are those of a walk over every minute, whatever the expression, the zone and its changes of the clock', () => {
  const aheadMs = 36 * 3_600_000;
  fc.assert(
    fc.property(cronModels, zonedTimes, (model, { timeZone, at: time }) => {
      const ticks = cronTicks(model.expression, timeZone);
      const until = Math.ceil(time / 60_000) * 60_000 + aheadMs;
      const from = Math.floor(time / 60_000) * 60_000 - aheadMs;
      // A walk has an end; what comes beyond it has to be beyond it.
      const [next = until, newest = from] = [ticks.nextAfter(time), ticks.newestUntil(time)];
      const what = `${model.expression} in ${timeZone}`;
      expect(Math.min(next, until), `${what} after ${time}`).toBe(model.nextAfter(time, until, timeZone) ?? until);
      expect(Math.max(newest, from), `${what} until ${time}`).toBe(model.newestUntil(time, from, timeZone) ?? from);
    }),
    cases(),
  );
});
