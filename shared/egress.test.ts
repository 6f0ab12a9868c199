import { describe, expect, it } from 'vitest';
import { defaultEgressPorts, egressSchema, egressSecrets, parseEgressHost } from './egress.ts';

describe('hosts of an allow-list', () => {
  it.each([
    ['api.example.com', { name: 'api.example.com', isWildcard: false, port: undefined }],
    ['API.Example.com:8443', { name: 'api.example.com', isWildcard: false, port: 8443 }],
    ['*.example.org', { name: 'example.org', isWildcard: true, port: undefined }],
    ['192.0.2.1:1', { name: '192.0.2.1', isWildcard: false, port: 1 }],
    ['xn--bcher-kva.example', { name: 'xn--bcher-kva.example', isWildcard: false, port: undefined }],
    ['a.v2', { name: 'a.v2', isWildcard: false, port: undefined }],
    ['a.2x:65535', { name: 'a.2x', isWildcard: false, port: 65_535 }],
    ['db', { name: 'db', isWildcard: false, port: undefined }],
  ])('%s', (text, expected) => {
    expect(parseEgressHost(text)).toEqual(expected);
  });

  it.each([
    ['', 'without scheme and path'],
    ['*', 'without scheme and path'],
    ['https://example.com', 'without scheme and path'],
    ['example.com/path', 'without scheme and path'],
    ['user@example.com', 'without scheme and path'],
    ['[::1]:80', 'without scheme and path'],
    ['bücher.example', 'without scheme and path'],
    ['a.*.example.com', 'without scheme and path'],
    ['example.com:0', 'a port'],
    ['example.com:65536', 'a port'],
    ['example..com', 'no name'],
    ['example.com.', 'no name'],
    ['-a.example', 'no name'],
    ['a-.example', 'no name'],
    ['*.com', 'a wildcard needs a domain'],
    ['127.1', 'neither a name nor'],
    ['0x7f000001', 'neither a name nor'],
    ['2130706433', 'neither a name nor'],
    ['0177.0.0.1', 'neither a name nor'],
    ['1.2.3.256', 'neither a name nor'],
    ['*.0.0.1', 'neither a name nor'],
  ])('%j is refused', (text, why) => {
    expect(parseEgressHost(text)).toContain(why);
  });

  it('says in an error which entry is wrong, and why', () => {
    const wrong = egressSchema.safeParse({ allow: ['good.example', 'http://bad.example'] });
    expect(wrong.error?.issues).toMatchObject([
      { path: ['allow', 1], message: expect.stringContaining('"http://bad.example" must be a host') },
    ]);
    expect(egressSchema.safeParse('some').error?.issues[0]?.message).toContain('"none", "all" or');
    expect(['none', 'all'].map((text) => egressSchema.parse(text))).toEqual(['none', 'all']);
    expect(defaultEgressPorts).toEqual([80, 443]);
    expect(egressSchema.safeParse({ allow: [] }).success).toBe(false);
    expect(egressSchema.safeParse({ allow: Array(65).fill('a.example') }).success).toBe(false);
  });

  it('may have a secret each, for one host and a header that is free', () => {
    const parsed = egressSchema.parse({
      allow: ['a.example', { host: 'b.example', secret: 'KEY', prefix: 'Bearer ' }],
    });
    expect(parsed).toEqual({
      allow: ['a.example', { host: 'b.example', secret: 'KEY', header: 'authorization', prefix: 'Bearer ' }],
    });
    expect(egressSecrets(parsed)).toEqual(['KEY']);
    for (const egress of ['none', 'all'] as const) expect(egressSecrets(egress)).toEqual([]);
    const messageOf = (rule: object) => egressSchema.safeParse({ allow: [rule] }).error?.issues[0]?.message;
    expect(messageOf({ host: '*.b.example', secret: 'KEY' })).toContain('one host');
    for (const header of ['Host', 'content-length', 'proxy-authorization'])
      expect(messageOf({ host: 'b.example', secret: 'KEY', header })).toContain('belongs to the connection');
    for (const header of ['x-host', 'host-id', 'expected'])
      expect(messageOf({ host: 'b.example', secret: 'KEY', header })).toBeUndefined();
    expect(messageOf({ host: 'b.example', secret: 'KEY', header: 'a b' })).toContain('not a header name');
    expect(messageOf({ host: 'b.example', secret: 'KEY', prefix: 'a\r\nb' })).toContain('printable');
    expect(messageOf({ host: 'b.example' })).toBeDefined();
  });
});
