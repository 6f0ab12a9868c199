import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { changedFields, changedFiles, diffLines, splitFiles } from './version-changes.ts';

const file = (path: string, text: string | null = path) => ({ path, text, sizeBytes: 1 });

describe('splitFiles', () => {
  it('leaves out what the build made, and names what cannot be edited', () => {
    const files = [
      file('index.ts'),
      file('index.mjs'),
      file('index.mjs.map'),
      file('logo.png', null),
      file('lib/a.mjs'),
    ];
    expect(splitFiles({ files })).toEqual({
      texts: { 'index.ts': 'index.ts', 'lib/a.mjs': 'lib/a.mjs' },
      opaque: ['logo.png'],
    });
  });

  it('keeps JavaScript that somebody wrote, with or without a map', () => {
    const files = [file('index.mjs'), file('index.mjs.map'), file('util.ts')];
    expect(Object.keys(splitFiles({ files }).texts)).toEqual(['index.mjs', 'index.mjs.map', 'util.ts']);
    expect(Object.keys(splitFiles({ files: [file('a.ts'), file('a.mjs')] }).texts)).toEqual(['a.ts', 'a.mjs']);
  });
});

describe('changedFiles', () => {
  it('sees what was added, removed and edited', () => {
    expect([...changedFiles({ a: '1', b: '2', c: '3' }, { a: '1', b: 'x', d: '4' })]).toEqual(['b', 'c', 'd']);
  });
});

describe('changedFields', () => {
  it('goes by dotted names', () => {
    expect(
      changedFields({ memoryMb: 1, batch: { maxSize: 1 } }, { memoryMb: 2, batch: { maxSize: 1 }, cors: null }),
    ).toEqual([
      { key: 'cors', before: 'not set', after: 'null' },
      { key: 'memoryMb', before: '1', after: '2' },
    ]);
  });

  it('never shows a value of the environment', () => {
    const changes = changedFields({ env: { KEY: 'sk_live_secret' } }, { env: { KEY: 'sk_live_other' } });
    expect(changes).toHaveLength(1);
    expect(JSON.stringify(changes)).not.toMatch(/sk_live/);
  });
});

describe('diffLines', () => {
  it('shows the least that has to change', () => {
    expect(diffLines('a\nb\nc\n', 'a\nx\nc\n')).toEqual([
      { kind: 'same', text: 'a' },
      { kind: 'removed', text: 'b' },
      { kind: 'added', text: 'x' },
      { kind: 'same', text: 'c' },
    ]);
    expect(diffLines('', 'a')).toEqual([{ kind: 'added', text: 'a' }]);
  });

  it('can always be turned back into both texts', () => {
    const lines = fc.array(fc.constantFrom('a', 'b', 'c', ''), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(lines, lines, (before, after) => {
        const changes = diffLines(`${before.join('\n')}\n`, `${after.join('\n')}\n`);
        const side = (left: 'added' | 'removed') =>
          changes.filter((change) => change.kind !== left).map((change) => change.text);
        expect(side('added')).toEqual(before.length === 1 && before[0] === '' ? [''] : before);
        expect(side('removed')).toEqual(after.length === 1 && after[0] === '' ? [''] : after);
      }),
    );
  });

  it('stays quick with files that are far too long', () => {
    const long = (word: string) => Array.from({ length: 3000 }, (_, index) => `${word}${index}`).join('\n');
    expect(diffLines(long('a'), long('b'))).toHaveLength(6000);
  });
});
