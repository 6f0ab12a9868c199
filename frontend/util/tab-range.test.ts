import { describe, expect, it } from 'vitest';
import { keepRange, rememberRange, withTabRange } from './tab-range.ts';

describe('keepRange', () => {
  it.each([
    [{ range: '6h', state: 'all' }, {}, { range: '6h' }],
    [{ range: '6h' }, { range: '1h' }, { range: '1h' }],
    [{ range: '6h' }, { range: undefined }, { range: undefined }],
    [{ state: 'all' }, { filter: 'x' }, { filter: 'x' }],
  ])('from %o to %o', (search, wanted, result) => {
    expect(keepRange({ search, next: () => wanted })).toEqual(result);
  });
});

describe('the range of a tab', () => {
  function tabOf(range?: string) {
    const values = new Map<string, string>(range === undefined ? [] : [['hearth.range', range]]);
    return {
      getItem: (key: string) => values.get(key) ?? null,
      setItem: (key: string, value: string) => void values.set(key, value),
      removeItem: (key: string) => void values.delete(key),
    };
  }

  it('is in an address that says none', () => {
    expect(withTabRange('?state=all', tabOf('6h'))).toBe('?state=all&range=6h');
    expect(withTabRange('', tabOf('6h'))).toBe('?range=6h');
    expect(withTabRange('?range=1h', tabOf('6h'))).toBeUndefined();
    expect(withTabRange('', tabOf())).toBeUndefined();
  });

  it('is what the address said last, and goes with it', () => {
    const tab = tabOf();
    rememberRange({ range: '24h' }, tab);
    expect(withTabRange('', tab)).toBe('?range=24h');
    rememberRange({ range: undefined }, tab);
    expect(withTabRange('', tab)).toBeUndefined();
    // A part of the past goes with links alone.
    rememberRange({ range: '24h' }, tab);
    rememberRange({ range: '1767225600000-1767229200000' }, tab);
    expect(withTabRange('', tab)).toBeUndefined();
  });
});
