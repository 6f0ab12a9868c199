import { expect, it } from 'vitest';
import { parseLogFilter } from '../../shared/log-filter.ts';
import { lineLink } from './line-link.ts';
import { timeRangeOf } from './time-range.ts';

const at = '2026-11-24T14:03:07.120Z';

it('leads to the lines of the call, at their time', () => {
  const url = new URL(lineLink({ at, functionName: 'shop', invocationId: 'inv_01' }, 'http://x'));
  expect(url.pathname).toBe('/functions/shop/logs');
  expect(parseLogFilter(url.searchParams.get('filter') ?? '')).toMatchObject({ isValid: true });
  const { fixed } = timeRangeOf(url.searchParams.get('range'));
  expect(fixed?.fromMs).toBeLessThanOrEqual(Date.parse(at));
  expect(fixed?.toMs).toBeGreaterThan(Date.parse(at));
});

it('leads to what was written around a line of no call', () => {
  expect(lineLink({ at, functionName: 'shop', invocationId: null }, '')).not.toContain('filter');
});
