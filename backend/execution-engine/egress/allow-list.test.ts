import { describe, expect, it } from 'vitest';
import { AllowList, parseTarget } from './allow-list.ts';

describe('an allow-list', () => {
  const list = new AllowList({ allow: ['api.example.com', '*.Example.org:8443', '192.0.2.1:1'] });
  it.each([
    ['api.example.com:443', true],
    ['API.example.com.:80', true],
    ['api.example.com:8080', false],
    ['x.api.example.com:443', false],
    ['api.example.com.evil.example:443', false],
    ['evilapi.example.com:443', false],
    ['a.example.org:8443', true],
    ['a.b.example.org:8443', true],
    ['example.org:8443', false],
    ['evilexample.org:8443', false],
    ['a.example.org:443', false],
    ['192.0.2.1:1', true],
    ['[::ffff:192.0.2.1]:1', false],
  ])('%s: %s', (authority, isAllowed) => {
    const target = parseTarget(authority);
    expect(target !== undefined && list.route(target) !== undefined).toBe(isAllowed);
  });

  it('allows nothing by an entry that makes no sense', () => {
    const odd = new AllowList({
      allow: ['http://a.example', { host: 'b..example', secret: 'K', header: 'a', prefix: '' }],
    });
    for (const host of ['a.example', 'http', 'b..example'])
      for (const port of [80, 443]) expect(odd.route({ host, port })).toBeUndefined();
    expect(odd.hasSecretFor('b..example')).toBe(false);
  });

  it.each([
    '',
    'host',
    'host:',
    'host:0',
    'host:65536',
    'a b:80',
    'u@host:80',
    'host:80/path',
    '[::1',
    '.:80',
    'host:80:80',
  ])('takes %j for no target', (authority) => {
    expect(parseTarget(authority)).toBeUndefined();
  });

  it('takes a host with a secret where plain HTTP is spoken inside, and TLS outside', () => {
    const about = { secret: 'KEY', header: 'authorization', prefix: '' };
    const rules = ['both.example', { host: 'both.example', ...about }, { host: 'odd.example:8443', ...about }];
    const mixed = new AllowList({ allow: rules });
    const upstreamOf = (host: string, port: number) => {
      const route = mixed.route({ host, port });
      return route?.kind === 'secret' ? route.upstream : route?.kind;
    };
    expect(upstreamOf('both.example', 80)).toEqual({ host: 'both.example', port: 443 });
    expect(upstreamOf('both.example', 443)).toBe('plain');
    expect(upstreamOf('odd.example', 8443)).toEqual({ host: 'odd.example', port: 8443 });
    expect(upstreamOf('odd.example', 443)).toBeUndefined();
    expect(mixed.hasSecretFor('odd.example')).toBe(true);
    expect(mixed.hasSecretFor('other.example')).toBe(false);
  });
});
