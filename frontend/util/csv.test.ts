import { describe, expect, it } from 'vitest';
import { chartCsv, csvOf } from './csv.ts';

describe('csvOf', () => {
  it('quotes what has commas, quotes or line ends', () => {
    expect(csvOf([['a,b', 'say "x"', 'two\nlines', 3]])).toBe('"a,b","say ""x""","two\nlines",3\r\n');
  });

  it('defuses what a spreadsheet would run', () => {
    expect(csvOf([['=1+1', '@x', -1]])).toBe("'=1+1,'@x,-1\r\n");
  });
});

describe('chartCsv', () => {
  it('has a row per step, with empty fields for gaps', () => {
    const text = chartCsv([0, 10], [{ label: 'p50', values: [1.5, null] }]);
    expect(text).toBe('time,p50\r\n1970-01-01T00:00:00.000Z,1.5\r\n1970-01-01T00:00:10.000Z,\r\n');
  });
});
