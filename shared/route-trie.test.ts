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

describe('beside a matcher that tries every route', () => {
  /** Cuts and decodes as RFC 3986 says, a byte after the other. */
  function plainSplit(path: string): readonly string[] | undefined {
    if (!path.startsWith('/')) return undefined;
    const parts = path.slice(1).split('/');
    if (parts.at(-1) === '') parts.pop();
    const decoded = parts.map(plainDecode);
    return decoded.every((part) => part !== undefined && isName(part)) ? (decoded as string[]) : undefined;
  }
  function isName(part: string): boolean {
    const isPlain = (character: string) => character >= ' ' && !['/', '\\', '\u007f'].includes(character);
    return part !== '.' && part !== '..' && [...part].every(isPlain);
  }
  function plainDecode(raw: string): string | undefined {
    const bytes: number[] = [];
    const encoder = new TextEncoder();
    for (let at = 0; at < raw.length; ) {
      const character = String.fromCodePoint(raw.codePointAt(at) as number);
      if (character !== '%') bytes.push(...encoder.encode(character));
      else if (/^[0-9a-f]{2}$/i.test(raw.slice(at + 1, at + 3)))
        bytes.push(Number.parseInt(raw.slice(at + 1, at + 3), 16));
      else return undefined;
      at += character === '%' ? 3 : character.length;
    }
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes));
    } catch {
      return undefined;
    }
  }

  interface Route {
    readonly parts: readonly string[];
    readonly methods: readonly string[];
    readonly value: number;
  }
  /** What a route makes of a path; its `order` says how good that is, the smallest being the best. */
  function plainMatch({ parts }: Route, segments: readonly string[], isOpen: boolean) {
    const params: Record<string, string> = {};
    let order = '';
    for (const [at, part] of parts.entries()) {
      if (part === '*') {
        if (at > segments.length || (at === segments.length && !isOpen)) return undefined;
        return { params: { ...params, '*': segments.slice(at).join('/') }, order: `${order}3` };
      }
      const segment = segments[at];
      if (segment === undefined || (part.startsWith(':') ? segment === '' : segment !== part)) return undefined;
      if (part.startsWith(':')) params[part.slice(1)] = segment;
      order += part.startsWith(':') ? '2' : '1';
    }
    return parts.length === segments.length ? { params, order: `${order}0` } : undefined;
  }
  const answers = (methods: readonly string[], method: string) => {
    if (methods.includes(method)) return 1;
    return methods.length === 0 || (method === 'HEAD' && methods.includes('GET')) ? 2 : undefined;
  };
  function expected(routes: readonly Route[], method: string, path: string) {
    const segments = plainSplit(path);
    if (segments === undefined) return { kind: 'none' };
    const fitting = routes.flatMap((route) => {
      const found = plainMatch(route, segments, path.endsWith('/'));
      return found === undefined ? [] : [{ ...route, ...found, rank: answers(route.methods, method) }];
    });
    const [best] = fitting
      .filter(({ rank }) => rank !== undefined)
      .toSorted((a, b) => a.order.localeCompare(b.order) || Number(a.rank) - Number(b.rank) || a.value - b.value);
    if (best !== undefined) return { kind: 'match', value: best.value, params: best.params };
    if (fitting.length === 0) return { kind: 'none' };
    const allow = new Set(fitting.flatMap(({ methods }) => methods));
    if (allow.has('GET')) allow.add('HEAD');
    return { kind: 'method-not-allowed', allow: [...allow].sort() };
  }

  const name = fc.constantFrom('a', 'b', 'é', 'a b', '~x');
  const part = fc.oneof(name, fc.constantFrom(':x', ':y', ':z'));
  const method = fc.constantFrom('GET', 'HEAD', 'POST', 'PUT');
  const routes = fc
    .array(
      fc.record({
        parts: fc
          .tuple(fc.array(part, { maxLength: 4 }), fc.boolean())
          .map(([parts, rest]) => [
            ...parts.filter((one, at) => !one.startsWith(':') || parts.indexOf(one) === at),
            ...(rest ? ['*'] : []),
          ]),
        methods: fc.uniqueArray(method, { maxLength: 2 }),
      }),
      { maxLength: 10 },
    )
    .map((list) => list.map((route, value): Route => ({ ...route, value })));
  /** As clients write them: some characters encoded that need not be, and now and then what is no path. */
  const written = fc.oneof(
    { weight: 12, arbitrary: name },
    { weight: 4, arbitrary: name.map((text) => encodeURIComponent(text).replace('a', '%61')) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        '',
        '.',
        '%2e%2E',
        '%2f',
        'a%5Cb',
        '%',
        '%4',
        '%zz',
        '%00',
        '%ff',
        '%C3',
        '%EF%BB%BF',
        '*',
        ':x',
      ),
    },
    { weight: 1, arbitrary: fc.string({ unit: 'grapheme', maxLength: 4 }) },
  );
  const paths = fc
    .tuple(fc.array(written, { maxLength: 6 }), fc.constantFrom('', '', '/'))
    .map(([parts, end]) => `/${parts.join('/')}${end}`);

  test('a path has the route, the parameters and the methods that it has there', () => {
    fc.assert(
      fc.property(routes, method, paths, (list, asked, path) => {
        const trie = new RouteTrie<number>();
        for (const { parts, methods, value } of list)
          trie.add(parseRoutePattern(`/${parts.join('/')}`), methods, value);
        const split = splitPath(path);
        expect(split === undefined ? { kind: 'none' } : trie.match(asked, split)).toEqual(expected(list, asked, path));
      }),
      cases(),
    );
  });
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
    ...[':', ':1a', ':a-', ':-a', `:${'a'.repeat(65)}`].map((name) => [`/${name}`, noParameter(name)]),
    ...[':constructor', ':prototype', ':__proto__'].map((name) => [
      `/${name}`,
      `${name} is a word of JavaScript; choose another name`,
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
