import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cronModels, zonedTimes } from '../../tests/support/cron-model.ts';
import { cases } from '../../tests/support/fuzz.ts';
import { checkCron, nextTicks } from './cron.ts';

const at = (text: string) => Date.parse(text);
const now = at('2030-01-01T00:00:00Z');

test('the next ticks come after the time, in order, in the zone', () => {
  expect(nextTicks('0 6 * * *', 'Europe/Berlin', now, 2)).toEqual([at('2030-01-01T05:00Z'), at('2030-01-02T05:00Z')]);
  expect(nextTicks('*/30 * * * * *', 'UTC', now, 2)).toEqual([now + 30_000, now + 60_000]);
  expect(nextTicks('0 0 1 1 *', 'UTC', now, 1)).toEqual([at('2031-01-01T00:00Z')]);
});

test.each(['* * * * *', '*/5 * * * * *', '0 0 29 2 *'])('%s is good', (cron) => {
  expect(() => checkCron('nightly', cron, 'UTC', now)).not.toThrow();
});

test.each([
  ['* * * * *', 'Mars/Base', 'schedule nightly: "Mars/Base" is no IANA time zone; use a name such as Europe/Berlin'],
  ['61 * * * *', 'UTC', 'schedule nightly: "61 * * * *": Invalid value for minute: 61'],
  ['* * *', 'UTC', /^schedule nightly: "\* \* \*": /],
  ['* * * * * * *', 'UTC', /^schedule nightly: /],
  ['', 'UTC', /^schedule nightly: "": /],
  ['0 0 30 2 *', 'UTC', 'schedule nightly: "0 0 30 2 *" never fires'],
])('%j in %s is refused', (cron, timeZone, message) => {
  expect(() => checkCron('nightly', cron, timeZone, now)).toThrow(
    expect.objectContaining({
      kind: 'invalid_request',
      code: 'bad_schedule',
      message: typeof message === 'string' ? message : expect.stringMatching(message),
    }),
  );
});

test('the ticks that are shown are those of a walk over every minute, one after the other', () => {
  const aheadMs = 86_400_000;
  fc.assert(
    fc.property(cronModels, zonedTimes, (model, { timeZone, at: time }) => {
      const until = Math.ceil(time / 60_000) * 60_000 + aheadMs;
      const walked: number[] = [];
      for (let tick = model.nextAfter(time, until, timeZone); tick !== undefined && walked.length < 3; ) {
        walked.push(tick);
        tick = model.nextAfter(tick, until, timeZone);
      }
      const shown = nextTicks(model.expression, timeZone, time, 3);
      expect(
        shown.filter((tick) => tick < until),
        `${model.expression} in ${timeZone} after ${time}`,
      ).toEqual(walked);
    }),
    cases(),
  );
});
