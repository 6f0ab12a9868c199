import { describe, expect, it } from 'vitest';
import { type Command, matchCommands, matchScore } from './commands.ts';

const commands: readonly Command[] = [
  { id: 'fn a', label: 'check-stock', group: 'Function', path: '/functions/check-stock' },
  { id: 'logs a', label: 'Logs of check-stock', group: 'Action', path: '/x' },
  { id: 'new', label: 'New function', group: 'Action', path: '/functions/new' },
  { id: '/tokens', label: 'Tokens', group: 'Page', path: '/tokens' },
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
