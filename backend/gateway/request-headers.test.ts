import { describe, expect, test } from 'vitest';
import { headerValue, nameCaller, readHeaders } from './request-headers.ts';

const passed = (...headers: string[]) => readHeaders(headers, false).passedOn;

describe('what a function sees of the headers of its caller', () => {
  test('is all others, in order, with names in lower case', () => {
    expect(passed('Host', 'a', 'X-A', 'One', 'x-a', 'Two')).toEqual(['host', 'a', 'x-a', 'One', 'x-a', 'Two']);
    expect(passed('Host', 'a', 'odd')).toEqual(['host', 'a']);
  });

  test.each(['Connection', 'Keep-Alive', 'Transfer-Encoding', 'TE', 'Upgrade', 'Expect', 'Proxy-Connection'])(
    'is not %s',
    (name) => expect(passed(name, 'x', 'a', 'b')).toEqual(['a', 'b']),
  );

  test('is nothing that Connection names, but always the host', () => {
    expect(passed('X-A', '1', 'Connection', 'x-a,  Host, X-C', 'Host', 'h', 'x-b', '2', 'x-c', '3')).toEqual([
      'host',
      'h',
      'x-b',
      '2',
    ]);
    for (const value of ['keep-alive', 'close'])
      expect(passed('Connection', value, 'x-a', '1', 'close', '2')).toEqual(['x-a', '1', 'close', '2']);
  });

  test('is nothing that only Hearth says', () => {
    expect(passed('Hearth-Caller', 'token tok_1', 'hearth-anything', 'x', 'hearths', 'y')).toEqual(['hearths', 'y']);
  });
});

describe('what the gateway takes note of', () => {
  test('the host, how often it came, and the origin', () => {
    expect(readHeaders(['Host', 'a', 'host', 'b', 'Origin', 'https://a.example'], false)).toMatchObject({
      host: 'b',
      hostCount: 2,
      origin: 'https://a.example',
    });
    expect(readHeaders([], false)).toMatchObject({ host: undefined, hostCount: 0, origin: undefined });
  });

  test('a trace that can be continued; it is not passed on as it is', () => {
    const good = `00-${'a1'.repeat(16)}-${'b2'.repeat(8)}-01`;
    expect(readHeaders(['traceparent', good], false)).toMatchObject({ traceparent: good, passedOn: [] });
    expect(readHeaders(['traceparent', 'x'], false)).toMatchObject({ traceparent: undefined, passedOn: [] });
  });

  test('a call chain that came once', () => {
    expect(readHeaders(['Hearth-Call-Chain', 'x'], false).callChain).toBe('x');
    expect(readHeaders(['hearth-call-chain', 'x', 'hearth-call-chain', 'x'], false).callChain).toBe('');
    expect(readHeaders(['hearth-call', 'x'], false).callChain).toBeUndefined();
  });

  test('what a proxy says, when it is trusted', () => {
    const said = [
      'x-forwarded-for',
      '1',
      'X-Forwarded-Proto',
      'https',
      'x-forwarded-host',
      'h',
      'x-forwarded-port',
      '1',
    ];
    const nothing = { forwardedFor: undefined, forwardedProto: undefined, forwardedHost: undefined, passedOn: [] };
    expect(readHeaders(said, true)).toMatchObject({
      ...{ forwardedFor: '1', forwardedProto: 'https', forwardedHost: 'h', passedOn: [] },
    });
    expect(readHeaders(said, false)).toMatchObject(nothing);
  });
});

test('the values of one header are joined', () => {
  const headers = ['Accept', 'a', 'x', '1', 'ACCEPT', 'b', 'odd'];
  expect(headerValue(headers, 'accept')).toBe('a, b');
  expect(headerValue(headers, 'x')).toBe('1');
  expect(headerValue(headers, 'odd')).toBeUndefined();
  expect(headerValue(headers, 'a')).toBeUndefined();
});

test('a function is told who calls, in ASCII, and never gets a token of Hearth', () => {
  const caller = (kind: 'token' | 'jwt', id: string) => {
    const headers = readHeaders(['Authorization', 'Bearer x', 'x-a', '1', 'authorization', 'y'], false);
    nameCaller(headers, { kind, id });
    return headers.passedOn;
  };
  expect(caller('token', 'tok_1')).toEqual(['x-a', '1', 'hearth-caller', 'token tok_1']);
  expect(caller('jwt', 'a\r\nb é \ud800')).toEqual([
    ...['authorization', 'Bearer x', 'x-a', '1', 'authorization', 'y'],
    ...['hearth-caller', 'jwt a%0D%0Ab%20%C3%A9%20%EF%BF%BD'],
  ]);
});
