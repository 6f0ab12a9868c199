import { describe, expect, it } from 'vitest';
import { allCommands, type Command, matchCommands, matchScore } from './commands.ts';

const commands: readonly Command[] = [
  { id: 'fn a', label: 'check-stock', group: 'Function', effect: { kind: 'go', path: '/functions/check-stock' } },
  { id: 'logs a', label: 'Logs of check-stock', group: 'Action', effect: { kind: 'go', path: '/x' } },
  { id: 'new', label: 'New function', group: 'Action', effect: { kind: 'go', path: '/functions/new' } },
  { id: '/tokens', label: 'Tokens', group: 'Page', effect: { kind: 'go', path: '/tokens' } },
];

describe('matchCommands', () => {
  it('finds every word, in any order, and puts the best first', () => {
    expect(matchCommands(commands, 'check').map((command) => command.id)).toEqual(['fn a', 'logs a']);
    expect(matchCommands(commands, 'stock logs').map((command) => command.id)).toEqual(['logs a']);
    expect(matchCommands(commands, 'zzz')).toEqual([]);
  });

  it('begins with pages while nothing is typed', () => {
    expect(matchCommands(commands, ' ').map((command) => command.id)).toEqual(['/tokens', 'new', 'fn a', 'logs a']);
  });

  it('prefers the beginnings of words', () => {
    const [start, inside] = [matchScore('my-api', 'api'), matchScore('rapid', 'api')];
    expect(start).toBeLessThan(inside ?? 0);
  });
});

describe('allCommands', () => {
  const sources = {
    functions: [{ name: 'shop', url: 'http://x/shop' }],
    sections: [{ path: '/logs', label: 'Logs' }],
    projects: ['default', 'acme'],
    here: 'http://x/errors?state=all',
    mayCreate: true,
  };
  const effectOf = (label: string) => allCommands(sources).find((command) => command.label === label)?.effect;

  it('acts on functions, projects and this page', () => {
    expect(effectOf('Invoke shop with an empty event')).toEqual({ kind: 'invoke', functionName: 'shop' });
    expect(effectOf('Roll back shop')).toEqual({
      kind: 'go',
      path: '/functions/shop/versions',
      search: { do: 'rollback' },
    });
    expect(effectOf('Copy the address of shop')).toMatchObject({ kind: 'copy', text: 'http://x/shop' });
    expect(effectOf('Copy a link to this page')).toMatchObject({ kind: 'copy', text: sources.here });
    expect(effectOf('Switch to project acme')).toEqual({ kind: 'project', project: 'acme' });
    expect(effectOf('Times: UTC')).toEqual({ kind: 'time-zone', zone: 'utc' });
  });

  it('offers no new function to who may not make one', () => {
    expect(allCommands({ ...sources, mayCreate: false }).filter(({ id }) => id === 'new')).toEqual([]);
  });

  it('has ids that differ, and no project to switch to where there is one', () => {
    const ids = allCommands(sources).map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const alone = allCommands({ ...sources, projects: ['default'] });
    expect(alone.filter(({ effect }) => effect.kind === 'project')).toEqual([]);
  });
});
