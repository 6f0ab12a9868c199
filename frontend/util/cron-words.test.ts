import { Cron } from 'croner';
import { describe, expect, it } from 'vitest';
import { cronWords } from './cron-words.ts';

describe('cronWords', () => {
  it.each([
    ['* * * * *', 'Every minute'],
    ['*/1 * * * *', 'Every minute'],
    ['*/5 * * * *', 'Every 5 minutes'],
    ['*/15 9-17 * * 1-5', 'Every 15 minutes from 09:00 to 17:59, Monday to Friday'],
    ['*/10 8 * * *', 'Every 10 minutes from 08:00 to 08:59'],
    ['0 * * * *', 'Every hour, on the hour'],
    ['@hourly', 'Every hour, on the hour'],
    ['7 * * * *', 'Every hour at minute 7'],
    ['0,30 * * * *', 'Every hour at minutes 0 and 30'],
    ['5 */6 * * *', 'Every 6 hours from 00:05'],
    ['30 9-17 * * MON-FRI', 'Every hour from 09:30 to 17:30, Monday to Friday'],
    ['0 3 * * *', 'At 03:00 every day'],
    ['@daily', 'At 00:00 every day'],
    ['0 3 * * 1-5', 'At 03:00, Monday to Friday'],
    ['15 8,12,18 * * *', 'At 08:15, 12:15 and 18:15 every day'],
    ['0 6 * * 0,6', 'At 06:00 on Sunday and Saturday'],
    ['0 6 * * 7', 'At 06:00 on Sunday'],
    ['@weekly', 'At 00:00 on Sunday'],
    ['0 0 1 * *', 'At 00:00 on the 1st of every month'],
    ['0 0 1,15,22,23,11 * *', 'At 00:00 on the 1st, the 11th, the 15th, the 22nd and the 23rd of every month'],
    ['0 12 1 1,jul *', 'At 12:00 on the 1st of January and July'],
    ['@yearly', 'At 00:00 on the 1st of January'],
    ['0 5 * 6-8 sat', 'At 05:00 on Saturday in June to August'],
    ['0 5 * 12 *', 'At 05:00 every day in December'],
  ])('says %s as "%s"', (cron, words) => {
    expect(cronWords(cron)).toBe(words);
    // What has words is an expression that the platform takes.
    expect(() => new Cron(cron, { paused: true })).not.toThrow();
  });

  it.each([
    '',
    'soon',
    '*/7 * * * *',
    '0 */5 * * *',
    '0 0 1 * 1',
    '0 0 L * *',
    '0 0 * * 5L',
    '0 0 */2 * *',
    '10/5 * * * *',
    '0-10 * * * *',
    '0 0 3 * * *',
    '60 * * * *',
    '0 24 * * *',
    '0 0 0 * *',
    '0 5-2 * * *',
    '0,10 1,2,3,4 * * *',
    '0 0 * * 1-2-3',
  ])('leaves "%s" to itself', (cron) => expect(cronWords(cron)).toBeUndefined());
});
