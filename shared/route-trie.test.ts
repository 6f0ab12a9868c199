import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cases } from '../tests/support/fuzz.ts';
import { PlatformError } from './errors.ts';
import { parseRoutePattern, splitPath } from './route-pattern.ts';
import { methodsOverlap, RouteTrie } from './route-trie.ts';

function trieOf(...routes: readonly (readonly [string, ...string[]])[]): RouteTrie<string> {
  const trie = new RouteTrie<string>();
  for (const [path, ...methods] of routes) trie.add(parseRoutePattern(path), methods, path);
  return trie;
}
function match(trie: RouteTrie<string>, method: string, path: string) {
  const split = splitPath(path);
  return split === undefined ? ({ kind: 'none' } as const) : trie.match(method, split);
}

describe('matching', () => {
  const trie = trieOf(
    ['/'],
    ['/users/me'],
    ['/users/:id'],
    ['/users/:id/posts', 'GET'],
    ['/users/*'],
    ['/files/*', 'GET', 'PUT'],
    ['/a/:x/c'],
    ['/a/b/d'],
  );

  test.each([
    ['/', '/', {}],
    ['/users/me', '/users/me', {}],
    ['/users/me/', '/users/me', {}],
    ['/users/7', '/users/:id', { id: '7' }],
    ['/users/7/posts', '/users/:id/posts', { id: '7' }],
    ['/users/me/posts', '/users/:id/posts', { id: 'me' }],
    ['/users/7/x/y', '/users/*', { '*': '7/x/y' }],
    ['/users/', '/users/*', { '*': '' }],
    ['/a/b/c', '/a/:x/c', { x: 'b' }],
    ['/a/b/d', '/a/b/d', {}],
    ['/users/%C3%A9', '/users/:id', { id: 'é' }],
    ['/%75sers/me', '/users/me', {}],
  ])('%s goes to %s', (path, value, params) => {
    expect(match(trie, 'GET', path)).toEqual({ kind: 'match', value, params });
  });

  test.each([
    '/files',
    '/nothing',
    '/users/../secret',
    '/users/%2e%2e/secret',
    '/users/a%2fb',
    '/users/a%5cb',
    '/users/%00',
    '/users/%zz',
    '/users/%',
    'users/me',
    '',
    '/a/b/e',
  ])('%j matches nothing', (path) => {
    expect(match(trie, 'GET', path).kind).toBe('none');
  });

  test('methods: the next best route, else 405; HEAD goes with GET', () => {
    expect(match(trie, 'POST', '/files/a')).toEqual({ kind: 'method-not-allowed', allow: ['GET', 'HEAD', 'PUT'] });
    expect(match(trie, 'HEAD', '/files/a')).toMatchObject({ kind: 'match' });
    expect(match(trie, 'POST', '/users/7/posts')).toMatchObject({ value: '/users/*' });
  });

  test('methods that are not allowed are named once, with HEAD only beside GET', () => {
    const puts = trieOf(['/x', 'PUT', 'DELETE'], ['/:any', 'PUT']);
    expect(match(puts, 'GET', '/x')).toEqual({ kind: 'method-not-allowed', allow: ['DELETE', 'PUT'] });
    expect(match(puts, 'HEAD', '/x').kind).toBe('method-not-allowed');
  });

  test('HEAD has a route of its own before that of GET', () => {
    const trie = new RouteTrie<string>();
    for (const method of ['GET', 'HEAD']) trie.add(parseRoutePattern('/x'), [method], method);
    expect(match(trie, 'HEAD', '/x')).toMatchObject({ value: 'HEAD' });
    expect(match(trie, 'GET', '/x')).toMatchObject({ value: 'GET' });
  });

  test('a trie that was built to branch everywhere costs a bounded number of steps', () => {
    const hostile = new RouteTrie<number>();
    const depth = 14;
    for (let i = 0; i < 2 ** depth; i++) {
      const path = Array.from({ length: depth }, (_, bit) => ((i >> bit) & 1 ? '/a' : `/:p${bit}`)).join('');
      hostile.add(parseRoutePattern(`${path}/end`), [], i);
    }
    let reads = 0;
    const segments = new Proxy(splitPath(`${'/a'.repeat(depth)}/other`)?.segments ?? [], {
      get: (target, key) => {
        reads++;
        return Reflect.get(target, key);
      },
    });
    expect(hostile.match('GET', { segments, hasTrailingSlash: false }).kind).toBe('none');
    // Two for each of the 2,048 nodes that are looked at; there are 16,384 ways.
    expect(reads).toBeGreaterThan(2048);
    expect(reads).toBeLessThanOrEqual(2 * 2048);
  });
});

describe('patterns', () => {
  test.each(['/a/*/b', '/:', '/:1', '/:a/:a', '/:__proto__', '/../a', '/a//b', '/%2f', 'a', `/${'a/'.repeat(40)}`])(
    '%s is refused',
    (path) => {
      expect(() => parseRoutePattern(path)).toThrow(PlatformError);
    },
  );
});

test('removing what was added leaves a trie that matches nothing, whatever the routes', () => {
  const segment = fc.constantFrom('a', 'b', ':x', ':y');
  const path = fc
    .tuple(fc.uniqueArray(segment, { maxLength: 4 }), fc.boolean())
    .map(([parts, rest]) => `/${[...parts, ...(rest ? ['*'] : [])].join('/')}`);
  fc.assert(
    fc.property(fc.array(path, { maxLength: 12 }), fc.array(path, { maxLength: 12 }), (kept, removed) => {
      const trie = trieOf(...kept.map((one): [string] => [one]));
      for (const one of removed) trie.add(parseRoutePattern(one), [], 'gone');
      for (const one of removed) trie.remove(parseRoutePattern(one), (value) => value === 'gone');
      const reference = trieOf(...kept.map((one): [string] => [one]));
      for (const one of [...kept, ...removed, '/a/b', '/a/z/', '/']) {
        const concrete = one.replaceAll(/[:*]/g, '');
        expect(match(trie, 'GET', concrete)).toEqual(match(reference, 'GET', concrete));
      }
      for (const one of removed)
        expect(trie.at(parseRoutePattern(one)).some((entry) => entry.value === 'gone')).toBe(false);
    }),
    { seed: 4, ...cases() },
  );
});

describe('what would make a regular expression backtrack', () => {
  test('is plain text in a pattern', () => {
    const trie = trieOf(['/(a+)+$'], ['/(.*)*/:id']);
    expect(match(trie, 'GET', '/(a+)+$')).toMatchObject({ kind: 'match', value: '/(a+)+$' });
    expect(match(trie, 'GET', `/${'a'.repeat(65_536)}!`).kind).toBe('none');
  });

  test('is looked at once per node of the trie, however often two ways fit', () => {
    // Every combination of `a` and a parameter over ten segments: each path below fits 1,024 of them but for its end.
    const routes = Array.from({ length: 1024 }, (_, bits) => {
      const segments = Array.from({ length: 10 }, (_, at) => ((bits >> at) & 1 ? 'a' : `:p${at}`));
      return [`/${segments.join('/')}/end`] as const;
    });
    const trie = trieOf(...routes);
    const start = '/a'.repeat(10);
    expect(match(trie, 'GET', `${start}/end`)).toMatchObject({ kind: 'match' });
    for (let n = 0; n < 20; n++) expect(match(trie, 'GET', `${start}/${'a'.repeat(65_536)}`).kind).toBe('none');
    expect(match(trie, 'GET', '/a'.repeat(32_768)).kind).toBe('none');
  });
});

test('what was never added can be removed, and looked for', () => {
  const trie = trieOf(['/a/:id']);
  for (const path of ['/b', '/a/:id/c', '/a/x', '/*']) {
    trie.remove(parseRoutePattern(path), () => true);
    expect(trie.at(parseRoutePattern(path))).toEqual([]);
  }
  expect(trie.at(parseRoutePattern('/a/:other'))).toMatchObject([{ value: '/a/:id', paramNames: ['id'] }]);
  expect(match(trie, 'GET', '/a/7')).toMatchObject({ value: '/a/:id' });
});

test('lists of methods overlap when one has no end or both name the same', () => {
  expect([methodsOverlap([], ['GET']), methodsOverlap(['GET'], []), methodsOverlap(['GET', 'PUT'], ['PUT'])]).toEqual([
    true,
    true,
    true,
  ]);
  expect(methodsOverlap(['GET'], ['PUT', 'get'])).toBe(false);
});

describe('a pattern', () => {
  const names = Array.from({ length: 32 }, (_, i) => `s${i}`);

  test('has its segments and the names of its parameters', () => {
    const long = `_${'a'.repeat(63)}`;
    expect(parseRoutePattern(`/a b/:id/%C3%A9/:${long}/*`)).toEqual({
      segments: [
        { kind: 'literal', text: 'a b' },
        { kind: 'param', name: 'id' },
        { kind: 'literal', text: 'é' },
        { kind: 'param', name: long },
        { kind: 'rest' },
      ],
      paramNames: ['id', long],
    });
    expect(parseRoutePattern('/')).toEqual({ segments: [], paramNames: [] });
    expect(parseRoutePattern(`/${names.join('/')}`).segments).toHaveLength(32);
  });

  const noParameter = (name: string) => `"${name}" is no parameter; use letters, digits and _, for example :id`;
  test.each([
    ...['a', '/./a', '/..', '/a%2fb', '/a\u007fb', '/a\u001fb'].map((path) => [
      path,
      'it must begin with / and have no ., .. or encoded slashes',
    ]),
    [`/${names.join('/')}/one`, 'at most 32 segments'],
    ['/*/a', '* may only be the last segment'],
    ['/a//b', 'empty segments are not allowed'],
    ['/:id/:id', ':id appears twice'],
    ...[':', ':1a', ':a-', ':-a', ':constructor', ':prototype', ':__proto__', `:${'a'.repeat(65)}`].map((name) => [
      `/${name}`,
      noParameter(name),
    ]),
  ])('%j is refused with the reason', (path = '', reason) => {
    expect(() => parseRoutePattern(path)).toThrow(
      expect.objectContaining({
        kind: 'invalid_request',
        code: 'bad_route',
        message: `route ${JSON.stringify(path)}: ${reason}`,
      }),
    );
  });

  test('of a path: a space is a character like others', () => {
    expect(splitPath('/a%20/ b/')).toEqual({ segments: ['a ', ' b'], hasTrailingSlash: true });
  });
});
