import { expect, it } from 'vitest';
import { provisionedWindowsSchema } from '../../../shared/provisioned-windows.ts';
import { minInstancesAt } from './provisioned.ts';

const at = (iso: string, ...windows: object[]) =>
  minInstancesAt({ minInstances: 1, provisionedWindows: provisionedWindowsSchema.parse(windows) }, Date.parse(iso));
const office = { minInstances: 5, days: ['mon', 'tue', 'wed', 'thu', 'fri'], from: '08:00', to: '18:00' };

it.each([
  // 2030-01-07 is a Monday; Berlin is one hour ahead in winter, two in summer.
  ['before it', '2030-01-07T06:59:59Z', 1],
  ['from its first moment', '2030-01-07T07:00:00Z', 5],
  ['until its last', '2030-01-07T16:59:59Z', 5],
  ['not at its end', '2030-01-07T17:00:00Z', 1],
  ['not on other days', '2030-01-05T10:00:00Z', 1],
  ['by the clock of summer', '2030-07-01T06:00:00Z', 5],
])('a window in a time zone: %s', (_, iso, expected) => {
  expect(at(iso, { ...office, timeZone: 'Europe/Berlin' })).toBe(expected);
});

it.each([
  ['2030-01-04T23:00:00Z', 3],
  ['2030-01-05T05:59:00Z', 3],
  ['2030-01-05T06:00:00Z', 1],
  ['2030-01-05T23:00:00Z', 1],
])('past midnight the day on which it began counts: %s', (iso, expected) => {
  expect(at(iso, { minInstances: 3, days: ['fri'], from: '22:00', to: '06:00' })).toBe(expected);
});

it('takes the largest, and never less than minInstances', () => {
  const noon = '2030-01-07T12:00:00Z';
  expect(at(noon, office, { minInstances: 9, from: '11:00', to: '13:00' })).toBe(9);
  expect(at(noon, { minInstances: 1, from: '00:00', to: '23:59' })).toBe(1);
});

it.each([
  [{ ...office, timeZone: 'Mars/Olympus' }, 'no time zone'],
  [{ ...office, to: '08:00' }, 'must differ'],
  [{ ...office, from: '24:00' }, '08:30'],
  [{ ...office, days: [] }, ''],
])('refuses %j', (window, message) => {
  const parsed = provisionedWindowsSchema.safeParse([window]);
  expect(parsed.success).toBe(false);
  expect(parsed.error?.message).toContain(message);
});
