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
    expect(target !== undefined && list.allows(target)).toBe(isAllowed);
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
});
