import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cases } from '../tests/support/fuzz.ts';
import { type LogFilterTerms, parseLogFilter, withLevel } from './log-filter.ts';

const none: LogFilterTerms = {
  level: undefined,
  functionName: undefined,
  version: undefined,
  invocationId: undefined,
  stream: undefined,
  status: undefined,
  texts: [],
  notTexts: [],
};

describe('parseLogFilter', () => {
  it.each<[string, Partial<LogFilterTerms>]>([
    ['', {}],
    ['   ', {}],
    ['level:error', { level: 'error' }],
    ['LEVEL:Warn', { level: 'warn' }],
    ['fn:api', { functionName: 'api' }],
    ['function:api version:3', { functionName: 'api', version: 3 }],
    ['version:Draft', { version: 0 }],
    ['inv:inv_1 stream:stderr', { invocationId: 'inv_1', stream: 'stderr' }],
    ['status:>=500', { status: { min: 500, max: 599 } }],
    ['status:>499', { status: { min: 500, max: 599 } }],
    ['status:<400', { status: { min: 100, max: 399 } }],
    ['status:<=404', { status: { min: 100, max: 404 } }],
    ['status:404', { status: { min: 404, max: 404 } }],
    ['status:5xx', { status: { min: 500, max: 599 } }],
    ['timeout "payment failed"', { texts: ['timeout', 'payment failed'] }],
    ['-health -"is fine"', { notTexts: ['health', 'is fine'] }],
    ['"say \\"x\\"" "a:b"', { texts: ['say "x"', 'a:b'] }],
    [
      'level:error fn:api status:>=500 "text"',
      { level: 'error', functionName: 'api', status: { min: 500, max: 599 }, texts: ['text'] },
    ],
    ['3:4', { texts: ['3:4'] }],
    ['a-b', { texts: ['a-b'] }],
  ])('%j', (text, terms) => {
    expect(parseLogFilter(text)).toEqual({ isValid: true, terms: { ...none, ...terms } });
  });

  it.each([
    ['level:loud', /level: takes debug, info, warn, error/],
    ['http://x', /no field "http".*quotes/],
    ['"open', /not closed/],
    ['fn:', /fn: has no value/],
    ['version:x', /takes a number/],
    ['status:700', /status: takes/],
    ['-level:error', /only text/],
    ['a b c d e f g h i', /at most 8 texts/],
    ['x'.repeat(600), /at most 512/],
    ['""', /empty term/],
  ])('refuses %j with what to do', (text, message) => {
    const parsed = parseLogFilter(text);
    expect(parsed).toMatchObject({ isValid: false, message: expect.stringMatching(message) });
  });

  it('answers whatever it is given', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 600, unit: 'grapheme' }), (text) => {
        expect(typeof parseLogFilter(text).isValid).toBe('boolean');
      }),
      cases(),
    );
  });
});

describe('withLevel', () => {
  it('puts the level in front and takes out the one that was there', () => {
    expect(withLevel('fn:api level:info x', 'error')).toBe('level:error fn:api x');
    expect(withLevel('level:info', '')).toBe('');
    expect(withLevel('', 'warn')).toBe('level:warn');
  });
});
