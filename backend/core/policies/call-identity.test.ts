import { describe, expect, it } from 'vitest';
import { newId } from '../../../shared/ids.ts';
import type { SingleFlightConfig } from '../../../shared/single-flight.ts';
import { versionOf } from '../../../tests/fakes/pool-rig.ts';
import type { HttpRequest, Invocation } from '../invocation.ts';
import { callIdentity, isForEverybody } from './call-identity.ts';

const opted = versionOf({ singleFlight: true });

function call(request: Partial<HttpRequest> = {}, more: Partial<Invocation> = {}): Invocation {
  return {
    id: newId('invocation'),
    version: opted,
    qualifier: 'live',
    trigger: 'http',
    request: {
      kind: 'http',
      method: 'GET',
      target: '/items?page=1',
      headers: ['accept', '*/*'],
      clientAddress: '127.0.0.1',
      scheme: 'http',
      host: 'example.com',
      params: {},
      body: Buffer.alloc(0),
      ...request,
    },
    acceptedAt: 0,
    enteredAt: 0,
    deadlineAt: 1000,
    attempt: 1,
    traceparent: undefined,
    depth: 0,
    replayOf: undefined,
    ...more,
  };
}
const withHeaders = (headers: readonly string[], singleFlight: SingleFlightConfig) => {
  const version = { ...opted, config: { ...opted.config, singleFlight } };
  return callIdentity(call({ headers }, { version }));
};

describe('callIdentity', () => {
  it('is the same for what is the same, whoever sent it and whatever its trace', () => {
    const one = callIdentity(call({ headers: ['x-request-id', '1', 'accept', '*/*', 'x-forwarded-for', '10.0.0.1'] }));
    const two = callIdentity(call({ headers: ['Accept', '*/*', 'via', 'proxy'] }, { traceparent: 'another' }));
    expect(one).toBeDefined();
    expect(two).toBe(one);
  });

  it.each<[string, Partial<HttpRequest>]>([
    ['method', { method: 'HEAD' }],
    ['path', { target: '/items/2' }],
    ['query', { target: '/items?page=2' }],
    ['host', { host: 'example.org' }],
    ['scheme', { scheme: 'https' }],
    ['any header', { headers: ['accept', '*/*', 'x-tenant', '1'] }],
    ['what looks like two values and is one', { headers: ['accept', '*/*","x'] }],
  ])('tells calls apart by %s', (_, request) => {
    expect(callIdentity(call(request))).not.toBe(callIdentity(call()));
  });

  it('tells calls apart by version and by depth in a chain', () => {
    const ids = [call(), call({}, { depth: 1 }), call({}, { version: versionOf({ singleFlight: true }) })];
    expect(new Set(ids.map(callIdentity)).size).toBe(3);
  });

  it.each<[string, Invocation]>([
    ['a method that may change something', call({ method: 'POST' })],
    ['a body', call({ body: Buffer.from('x') })],
    ['a WebSocket', call({ isWebSocket: true })],
    ['a function that did not ask for it', call({}, { version: versionOf() })],
    ['an event', { ...call(), request: { kind: 'event', body: Buffer.alloc(0) } }],
  ])('leaves alone %s', (_, invocation) => {
    expect(callIdentity(invocation)).toBeUndefined();
  });

  it('tells callers apart whatever headers the function names, and of the others only those that it names', () => {
    const declared = { headers: ['x-tenant'] };
    const plain = withHeaders(['accept', '*/*'], declared);
    expect(withHeaders(['accept', '*/*', 'user-agent', 'a browser'], declared)).toBe(plain);
    expect(withHeaders(['accept', '*/*', 'x-tenant', '1'], declared)).not.toBe(plain);
    for (const name of ['authorization', 'cookie', 'hearth-caller', 'range', 'if-none-match']) {
      expect(withHeaders(['accept', '*/*', name, '1'], { headers: [] })).not.toBe(plain);
    }
  });
});

describe('isForEverybody', () => {
  const said = (headers: readonly string[], config: SingleFlightConfig = true) =>
    isForEverybody({ status: 200, headers, isEventResult: false }, config);

  it('lets through what is not meant for one client alone', () => {
    expect(said([])).toBe(true);
    expect(said(['Content-Type', 'text/html', 'cache-control', 'public, max-age=60', 'vary', 'Accept, x-tenant'])).toBe(
      true,
    );
    expect(said(['cache-control', 'max-age=1, x-private-ish'])).toBe(true);
  });

  it.each([
    ['a cookie', ['Set-Cookie', 'session=1']],
    ['private', ['cache-control', 'max-age=10, Private']],
    ['private fields', ['cache-control', 'private="x-user"']],
    ['no-store', ['Cache-Control', 'no-store']],
    ['vary by everything', ['vary', 'accept, *']],
    ['vary by what did not count', ['vary', 'X-Forwarded-For']],
    ['server-sent events', ['content-type', ' Text/Event-Stream; charset=utf-8']],
  ])('keeps back %s', (_, headers) => {
    expect(said(headers)).toBe(false);
  });

  it('keeps back what depends on a header that the function did not name', () => {
    expect(said(['vary', 'x-tenant'], { headers: [] })).toBe(false);
    expect(said(['vary', 'x-tenant'], { headers: ['x-tenant'] })).toBe(true);
  });
});
