import { describe, expect, it } from 'vitest';
import { functionDocument as fn } from '../../tests/support/function-document.ts';
import { functionSortOf, functionSortText, sortFunctions, stateOf } from './function-state.ts';

describe('stateOf', () => {
  it.each([
    [fn('a', 0, 0, { enabled: false }), 'Disabled'],
    [fn('a', 5, 0, { liveVersion: null }), 'Nothing live'],
    [fn('a', 0, 0), 'Idle'],
    [fn('a', 10, 1), 'Healthy'],
    [fn('a', 10, 2), 'Failing'],
    [fn('a', 1000, 2), 'Healthy'],
  ])('case %#', (document, label) => expect(stateOf(document).label).toBe(label));
});

describe('sortFunctions', () => {
  const list = [fn('b', 5, 5), fn('a', 5, 0), fn('c', 9, 1)];
  const names = (key: Parameters<typeof sortFunctions>[1], isDescending: boolean) =>
    sortFunctions(list, key, isDescending).map((item) => item.name);

  it('sorts by a column, and by name where it is equal', () => {
    expect(names('requests', true)).toEqual(['c', 'a', 'b']);
    expect(names('requests', false)).toEqual(['a', 'b', 'c']);
    expect(names('errors', true)).toEqual(['b', 'c', 'a']);
    expect(names('name', true)).toEqual(['c', 'b', 'a']);
    const used = (name: string, mebibytes: number, memoryMb: number) => {
      const { stats } = fn(name, 1, 0);
      return fn(name, 1, 0, { memoryMb, stats: { ...stats!, peakMemoryBytes: mebibytes * 1024 * 1024 } });
    };
    const bySize = sortFunctions([used('a', 100, 1024), used('b', 90, 128), used('c', 0, 64)], 'memory', true);
    expect(bySize.map((item) => item.name)).toEqual(['b', 'a', 'c']);
  });

  it('leaves the list as it was', () => expect(list.map((item) => item.name)).toEqual(['b', 'a', 'c']));
});

describe('the sort in the address', () => {
  it.each([
    ['', 'name', false],
    ['errors', 'errors', false],
    ['-p95', 'p95', true],
    ['-name', 'name', true],
  ] as const)('%s', (text, column, isDescending) => {
    expect(functionSortOf(text)).toEqual({ column, isDescending });
    expect(functionSortText({ column, isDescending })).toBe(text);
  });

  it('is by name where the address says what nobody knows', () => {
    expect(functionSortOf('-nothing')).toEqual({ column: 'name', isDescending: false });
  });
});
