import { describe, expect, it } from 'vitest';
import { movedTo, moveOf, partedAt, renamed, treeRows, typedTo } from './file-tree.ts';

const paths = ['index.ts', 'lib/prices.json', 'lib/deep/x.ts', 'README.md', 'assets/a.css'];
const shown = (closed: readonly string[] = []) => treeRows(paths, new Set(closed));
const names = (rows: ReturnType<typeof shown>) => rows.map(({ path, level }) => `${level} ${path}`);

describe('a tree of files', () => {
  it('shows folders before files, by name, with the place among siblings', () => {
    expect(names(shown())).toEqual([
      '1 assets',
      '2 assets/a.css',
      '1 lib',
      '2 lib/deep',
      '3 lib/deep/x.ts',
      '2 lib/prices.json',
      '1 README.md',
      '1 index.ts',
    ]);
    expect(shown().find(({ path }) => path === 'README.md')).toMatchObject({ position: 3, siblings: 4, isOpen: false });
    expect(shown().find(({ path }) => path === 'lib')).toMatchObject({ position: 2, siblings: 4, isOpen: true });
  });

  it('hides what is in a closed folder', () => {
    expect(names(shown(['lib']))).toEqual(['1 assets', '2 assets/a.css', '1 lib', '1 README.md', '1 index.ts']);
  });

  it.each([
    ['ArrowDown', 'lib', { kind: 'go', paths: ['lib/deep'] }],
    ['ArrowUp', 'lib', { kind: 'go', paths: ['assets/a.css'] }],
    ['ArrowUp', 'assets', undefined],
    ['ArrowDown', 'index.ts', undefined],
    ['Home', 'README.md', { kind: 'go', paths: ['assets'] }],
    ['End', 'assets', { kind: 'go', paths: ['index.ts'] }],
    ['ArrowRight', 'lib', { kind: 'go', paths: ['lib/deep'] }],
    ['ArrowRight', 'index.ts', undefined],
    ['ArrowLeft', 'lib', { kind: 'close', paths: ['lib'] }],
    ['ArrowLeft', 'lib/deep/x.ts', { kind: 'go', paths: ['lib/deep'] }],
    ['ArrowLeft', 'index.ts', undefined],
    ['*', 'index.ts', { kind: 'open', paths: ['assets', 'lib'] }],
    ['Enter', 'index.ts', { kind: 'choose', paths: ['index.ts'] }],
    [' ', 'lib', { kind: 'choose', paths: ['lib'] }],
    ['Tab', 'lib', undefined],
  ] as const)('%s at %s', (key, active, move) => {
    expect(moveOf(shown(), active, key)).toEqual(move);
  });

  it('opens a closed folder with the right arrow, and does nothing for what does not show', () => {
    expect(moveOf(shown(['lib']), 'lib', 'ArrowRight')).toEqual({ kind: 'open', paths: ['lib'] });
    expect(moveOf(shown(['lib']), 'lib/prices.json', 'ArrowDown')).toBeUndefined();
  });

  it('finds what is typed after the line that is active, and goes round', () => {
    expect(typedTo(shown(), 'assets', 'a')?.path).toBe('assets/a.css');
    expect(typedTo(shown(), 'assets/a.css', 'a')?.path).toBe('assets');
    expect(typedTo(shown(), 'lib/prices.json', 'pr')?.path).toBe('lib/prices.json');
    expect(typedTo(shown(), 'lib', 'read')?.path).toBe('README.md');
    expect(typedTo(shown(), 'lib', 'zz')).toBeUndefined();
  });

  it.each([
    ['index.ts', 'lib', 'lib/index.ts'],
    ['lib/deep', '', 'deep'],
    ['lib/deep/x.ts', 'lib', 'lib/x.ts'],
    ['lib/prices.json', 'lib', undefined],
    ['index.ts', '', undefined],
    ['lib', 'lib', undefined],
    ['lib', 'lib/deep', undefined],
    ['lib', 'library', 'library/lib'],
  ])('%s moved into "%s" is %s', (path, folder, to) => {
    expect(movedTo(path, folder)).toBe(to);
  });

  it('moves a folder with what is in it, and nothing whose name only begins so', () => {
    const files = { 'lib/a.ts': 1, 'lib/deep/b.ts': 2, 'library.ts': 3 };
    expect(renamed(files, 'lib', 'src/lib')).toEqual({ 'src/lib/a.ts': 1, 'src/lib/deep/b.ts': 2, 'library.ts': 3 });
    expect(partedAt(files, 'lib')).toEqual({
      within: { 'lib/a.ts': 1, 'lib/deep/b.ts': 2 },
      others: { 'library.ts': 3 },
    });
  });
});
