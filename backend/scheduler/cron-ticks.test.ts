import { describe, expect, it } from 'vitest';
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

  it('runs a daily tick once on the day whose hour comes twice, and still on the day whose hour is missing', () => {
    const ticks = cronTicks('30 2 * * *', 'Europe/Berlin');
    const runs = (from: string, until: string) => {
      const found: number[] = [];
      for (let t = ticks.nextAfter(at(from)); t !== undefined && t < at(until); t = ticks.nextAfter(t)) found.push(t);
      return found.length;
    };
    expect(runs('2030-10-26T12:00:00Z', '2030-10-27T12:00:00Z')).toBe(1);
    expect(runs('2030-03-30T12:00:00Z', '2030-03-31T12:00:00Z')).toBe(1);
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
