import { describe, expect, it } from 'vitest';
import { parseRoutePattern, splitPath } from '../../shared/route-pattern.ts';
import { RouteTrie } from '../../shared/route-trie.ts';
import { overlapsOf, type RouteShape, yieldsTo } from './route-overlaps.ts';

const route = (path: string, ...methods: string[]): RouteShape => ({ path, methods });

describe('routes that share requests', () => {
  it.each([
    ['/a/:id', '/a/b', true],
    ['/a/b', '/a/:id', false],
    ['/a/*', '/a/:id', true],
    ['/a/*', '/a/b/c', true],
    ['/a/:id', '/a/b/c', false],
    ['/a/:id/x', '/a/b/y', false],
    ['/:any/*', '/a/b', true],
    ['/a/:x/c', '/a/b/:y', true],
    ['/a/b/:y', '/a/:x/c', false],
    ['/a/*', '/a', false],
    ['/a', '/b', false],
  ])('%s yields to %s: %s', (path, other, expected) => {
    expect(yieldsTo(route(path), route(other))).toBe(expected);
  });

  it('does not when no method is the same', () => {
    expect(yieldsTo(route('/a/:id', 'GET'), route('/a/b', 'POST'))).toBe(false);
    expect(yieldsTo(route('/a/:id', 'GET'), route('/a/b', 'POST', 'GET'))).toBe(true);
    expect(yieldsTo(route('/a/:id'), route('/a/b', 'POST'))).toBe(true);
  });

  it('says what the gateway does', () => {
    const paths = ['/a', '/a/b', '/a/:x', '/a/*', '/a/b/c', '/a/:x/c', '/a/b/:y', '/:s/b', '/:s/*', '/a/:x/*'];
    const requests = ['/a', '/a/b', '/a/z', '/a/b/c', '/a/z/c', '/a/b/z', '/q/b', '/q/z', '/a/z/z/z'];
    for (const path of paths) {
      for (const other of paths.filter((one) => one !== path)) {
        const trie = new RouteTrie<string>();
        for (const one of [path, other]) trie.add(parseRoutePattern(one), [], one);
        const alone = new RouteTrie<string>();
        alone.add(parseRoutePattern(path), [], path);
        const ends = (in_: RouteTrie<string>, request: string) => {
          const split = splitPath(request);
          const found = split && in_.match('GET', split);
          return found?.kind === 'match' ? found.value : undefined;
        };
        const isTaken = requests.some((request) => ends(alone, request) === path && ends(trie, request) === other);
        expect(yieldsTo(route(path), route(other)), `${path} ${other}`).toBe(isTaken);
      }
    }
  });

  it('are listed with those that they yield to', () => {
    const [rest, exact, lonely] = [route('/a/*'), route('/a/b'), route('/c')];
    expect([...overlapsOf([rest, exact, lonely])]).toEqual([[rest, [exact]]]);
  });
});
