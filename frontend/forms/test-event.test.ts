import { describe, expect, it } from 'vitest';
import { saveObstacle } from './test-event.ts';

const many = (visibility: 'private' | 'shared', count: number) =>
  Array.from({ length: count }, (_, index) => ({ visibility, name: `e${index}` }));

describe('saveObstacle', () => {
  it('says what is wrong with a name, a text, or that there are too many', () => {
    const mine = (name: string) => ({ visibility: 'private' as const, name });
    expect(saveObstacle([], mine('Bestellung groß (2)'), '{"a": 1}\n')).toBeUndefined();
    for (const name of ['', '-x', 'a/b', 'x'.repeat(61)])
      expect(saveObstacle([], mine(name), '1'), name).toMatch(/^A name has 1 to 60/);
    expect(saveObstacle([], mine('x'), '{"a":')).toMatch(/not valid JSON/);
    expect(saveObstacle([], mine('x'), `"${'é'.repeat(131_072)}"`)).toMatch(/larger than 256 KiB/);
    const full = many('private', 20);
    expect(saveObstacle(full, mine('new'), '1')).toBe(
      'There are 20 private events of this function already; delete one first',
    );
    expect(saveObstacle(full, mine('e3'), '1')).toBeUndefined();
    expect(saveObstacle(full, { visibility: 'shared', name: 'new' }, '1')).toBeUndefined();
    expect(saveObstacle(many('shared', 50), { visibility: 'shared', name: 'new' }, '1')).toMatch(
      /^There are 50 shared/,
    );
  });
});
