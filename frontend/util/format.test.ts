import { describe, expect, it } from 'vitest';
import {
  changeOf,
  counted,
  formatAgo,
  formatBytes,
  formatClock,
  formatCount,
  formatDateTime,
  formatMs,
  formatPercent,
  formatRate,
  formatSpan,
  prettyJson,
} from './format.ts';

it('counts one thing without an s', () => {
  expect([0, 1, 2, 12_345].map((count) => counted(count, 'call'))).toEqual([
    '0 calls',
    '1 call',
    '2 calls',
    '12.3k calls',
  ]);
});

describe('formatMs', () => {
  it.each([
    [0, '0 ms'],
    [0.04, '<0.1 ms'],
    [1.25, '1.3 ms'],
    [9.94, '9.9 ms'],
    [9.96, '10 ms'],
    [100, '100 ms'],
    [999.6, '1 s'],
    [1250, '1.25 s'],
    [59_000, '59 s'],
    [60_000, '1 min'],
    [200_000, '3 min 20 s'],
    [null, '–'],
    [Number.NaN, '–'],
  ])('%s is %s', (ms, text) => expect(formatMs(ms)).toBe(text));
});

describe('formatSpan', () => {
  it.each([
    [0, '0 s'],
    [-5, '0 s'],
    [3_600_000, '1 h'],
    [7_500_000, '2 h 5 min'],
    [90_061_000, '1 d 1 h'],
    [86_400_000, '1 d'],
  ])('%s is %s', (ms, text) => expect(formatSpan(ms)).toBe(text));
});

describe('formatCount and formatRate', () => {
  it.each([
    [0, '0'],
    [0.05, '0.05'],
    [2.5, '2.5'],
    [950, '950'],
    [9999, '9,999'],
    [12_345, '12.3k'],
    [100_000, '100k'],
    [999_400, '999k'],
    [999_600, '1M'],
    [4_560_000, '4.56M'],
    [undefined, '–'],
  ])('count %s is %s', (value, text) => expect(formatCount(value)).toBe(text));
  it.each([
    [0, '0'],
    [0.004, '<0.01'],
    [0.031, '0.03'],
    [1.54, '1.5'],
    [10, '10'],
    [320.4, '320'],
    [null, '–'],
  ])('rate %s is %s', (value, text) => expect(formatRate(value)).toBe(text));
});

describe('formatPercent and formatBytes', () => {
  it.each([
    [0, '0 %'],
    [0.0004, '<0.1 %'],
    [0.025, '2.5 %'],
    [0.5, '50 %'],
    [1, '100 %'],
    [null, '–'],
  ])('share %s is %s', (share, text) => expect(formatPercent(share)).toBe(text));
  it.each([
    [0, '0 B'],
    [512, '512 B'],
    [1536, '1.5 KiB'],
    [1023.9 * 1024, '1 MiB'],
    [600 * 1024 * 1024, '600 MiB'],
    [2 ** 50, '1024 TiB'],
    [null, '–'],
  ])('bytes %s are %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text));
});

describe('times', () => {
  const now = Date.parse('2026-11-24T12:00:00.000Z');
  it.each([
    ['2026-11-24T11:59:59.000Z', 'now'],
    ['2026-11-24T11:59:30.000Z', '30 s ago'],
    ['2026-11-24T11:01:00.000Z', '59 min ago'],
    ['2026-11-24T09:00:00.000Z', '3 h ago'],
    ['2026-11-20T12:00:00.000Z', '4 d ago'],
    ['2026-11-24T12:05:00.000Z', 'in 5 min'],
    ['nonsense', '–'],
    [null, 'never'],
  ])('%s is %s', (at, text) => expect(formatAgo(at, now)).toBe(text));

  it('writes the wall time of this computer', () => {
    const at = new Date(2026, 10, 24, 4, 3, 7, 20).toISOString();
    expect(formatClock(at, 'local')).toBe('04:03:07.020');
    expect(formatClock(at, 'local', false)).toBe('04:03:07');
    expect(formatDateTime(at, 'local')).toBe('2026-11-24 04:03:07');
    expect(formatDateTime(null, 'local')).toBe('–');
  });

  it('writes UTC, and says so where a date is', () => {
    expect(formatClock('2026-11-24T04:03:07.020Z', 'utc')).toBe('04:03:07.020');
    expect(formatDateTime('2026-11-24T04:03:07.020Z', 'utc')).toBe('2026-11-24 04:03:07 UTC');
  });
});

describe('changeOf', () => {
  it('says how much more or less', () => {
    expect(changeOf(150, 100)).toEqual({ text: '+50 %', direction: 'up' });
    expect(changeOf(50, 100)).toEqual({ text: '−50 %', direction: 'down' });
    expect(changeOf(100.1, 100)).toEqual({ text: 'no change', direction: 'same' });
    expect(changeOf(2000, 100)).toEqual({ text: '20×', direction: 'up' });
  });

  it('says nothing when there is nothing to compare with', () => {
    expect(changeOf(5, 0)).toBeUndefined();
    expect(changeOf(5, null)).toBeUndefined();
    expect(changeOf(undefined, 5)).toBeUndefined();
  });
});

describe('prettyJson', () => {
  it('indents JSON and leaves other text alone', () => {
    expect(prettyJson('{"a":1}')).toBe('{\n  "a": 1\n}');
    expect(prettyJson({ a: 1 })).toBe('{\n  "a": 1\n}');
    expect(prettyJson('<html>')).toBe('<html>');
    const value = { a: [1, { b: [] }, {}, '{"x": [1,2]}\\', [[]]], 'k:,"': { c: null, d: true }, e: -1.5e-7 };
    for (const text of [JSON.stringify(value), JSON.stringify(value, null, 7), '[]', ' "x" ', '12'])
      expect(prettyJson(text)).toBe(JSON.stringify(JSON.parse(text), null, 2));
  });

  it('keeps numbers that JavaScript cannot hold', () => {
    expect(prettyJson('{"id":12345678901234567890,"rate":1.10}')).toBe(
      '{\n  "id": 12345678901234567890,\n  "rate": 1.10\n}',
    );
  });
});
