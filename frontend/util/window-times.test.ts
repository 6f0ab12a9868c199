import { describe, expect, it } from 'vitest';
import { minInstancesAt } from '../../backend/core/policies/provisioned.ts';
import type { ProvisionedWindow } from '../../shared/provisioned-windows.ts';
import { nextWindow } from './window-times.ts';

const office: ProvisionedWindow = {
  minInstances: 2,
  days: ['mon', 'tue', 'wed', 'thu', 'fri'],
  from: '08:00',
  to: '18:00',
  timeZone: 'Europe/Berlin',
};
const night: ProvisionedWindow = { ...office, days: ['sat'], from: '22:00', to: '04:30' };
const times = (window: ProvisionedWindow, now: string) => {
  const next = nextWindow(window, Date.parse(now));
  return next && [new Date(next.from).toISOString(), new Date(next.to).toISOString()];
};

describe('nextWindow', () => {
  it('is the one that holds, or the next, by the clock of its time zone', () => {
    // Friday; Berlin is an hour ahead.
    expect(times(office, '2026-11-27T08:30:00Z')).toEqual(['2026-11-27T07:00:00.000Z', '2026-11-27T17:00:00.000Z']);
    expect(times(office, '2026-11-27T17:00:00Z')).toEqual(['2026-11-30T07:00:00.000Z', '2026-11-30T17:00:00.000Z']);
    expect(times(office, '2026-07-01T00:00:00Z')).toEqual(['2026-07-01T06:00:00.000Z', '2026-07-01T16:00:00.000Z']);
  });

  it('goes past midnight, a week ahead, and over a change of the clocks', () => {
    expect(times(night, '2026-11-29T03:00:00Z')).toEqual(['2026-11-28T21:00:00.000Z', '2026-11-29T03:30:00.000Z']);
    expect(times(night, '2026-11-29T03:30:00Z')).toEqual(['2026-12-05T21:00:00.000Z', '2026-12-06T03:30:00.000Z']);
    // Clocks go forward at 02:00 on 2026-03-29.
    expect(times(night, '2026-03-28T12:00:00Z')).toEqual(['2026-03-28T21:00:00.000Z', '2026-03-29T02:30:00.000Z']);
  });

  it('holds when the platform says so, over two weeks in half hours', () => {
    const begin = Date.parse('2026-10-19T00:00:00Z');
    for (const window of [office, night, { ...night, timeZone: 'Asia/Kathmandu', days: ['sun' as const] }]) {
      const settings = { minInstances: 0, provisionedWindows: [window] };
      for (let now = begin; now < begin + 14 * 86_400_000; now += 1_800_000) {
        const next = nextWindow(window, now);
        const isOpen = next !== undefined && next.from <= now;
        expect(isOpen, `${window.timeZone} ${new Date(now).toISOString()}`).toBe(minInstancesAt(settings, now) > 0);
      }
    }
  });
});
