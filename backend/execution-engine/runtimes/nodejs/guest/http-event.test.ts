import { describe, expect, it } from 'vitest';
import { httpEvent } from './http-event.ts';
import type { HttpMeta } from './messages.ts';

const at = Date.UTC(2026, 2, 5, 7, 8, 9);
const meta = (more: Partial<HttpMeta> = {}): HttpMeta => ({
  kind: 'http',
  invocationId: 'inv_1',
  deadlineMs: at + 1000,
  attempt: 1,
  trigger: 'http',
  depth: 0,
  method: 'GET',
  target: '/',
  headers: [],
  clientAddress: '10.1.2.3',
  scheme: 'https',
  host: 'api.example.test',
  params: {},
  ...more,
});
const event = (more: Partial<HttpMeta> = {}, body: Buffer = Buffer.alloc(0)) => httpEvent(meta(more), body, 'fn', at);

describe('httpEvent', () => {
  it('has the whole shape of a function URL event', () => {
    expect(event({ headers: ['User-Agent', 'curl/8'] })).toEqual({
      version: '2.0',
      routeKey: '$default',
      rawPath: '/',
      rawQueryString: '',
      headers: {
        'user-agent': 'curl/8',
        host: 'api.example.test',
        'x-forwarded-for': '10.1.2.3',
        'x-forwarded-proto': 'https',
        'x-forwarded-port': '443',
      },
      requestContext: {
        accountId: 'anonymous',
        apiId: 'fn',
        domainName: 'api.example.test',
        domainPrefix: 'api',
        http: { method: 'GET', path: '/', protocol: 'HTTP/1.1', sourceIp: '10.1.2.3', userAgent: 'curl/8' },
        requestId: 'inv_1',
        routeKey: '$default',
        stage: '$default',
        time: '05/Mar/2026:07:08:09 +0000',
        timeEpoch: at,
      },
      isBase64Encoded: false,
    });
  });

  it('joins repeated headers and parameters, and splits cookies', () => {
    const result = event({
      target: '/p%20q?a=1&b=&a=2&%C3%BC=x+y&c',
      headers: ['Accept', 'a', 'accept', 'b', 'Cookie', 'x=1; y=2', 'cookie', 'z=3', '__proto__', 'own'],
    });
    expect(result.rawPath).toBe('/p%20q');
    expect(result.rawQueryString).toBe('a=1&b=&a=2&%C3%BC=x+y&c');
    expect(result.queryStringParameters).toEqual({ a: '1,2', b: '', ü: 'x y', c: '' });
    expect(result.headers['accept']).toBe('a,b');
    expect(result.headers['cookie']).toBe('x=1; y=2; z=3');
    expect(result.cookies).toEqual(['x=1', 'y=2', 'z=3']);
    expect(Object.getOwnPropertyDescriptor(result.headers, '__proto__')?.value).toBe('own');
  });

  it.each([
    ['text/plain', 'hé', false],
    ['application/json; charset=utf-8', '{}', false],
    ['application/vnd.api+json', '{}', false],
    ['application/x-www-form-urlencoded', 'a=b', false],
    ['image/png', 'x', true],
    ['multipart/form-data; boundary=x', 'x', true],
    ['', 'x', true],
  ])('gives a body of type %j as text or base64', (type, text, isBase64) => {
    const result = event({ headers: type === '' ? [] : ['content-type', type] }, Buffer.from(text));
    expect(result.isBase64Encoded).toBe(isBase64);
    expect(Buffer.from(result.body ?? '', isBase64 ? 'base64' : 'utf8').toString()).toBe(text);
  });

  it('gives text that is not UTF-8 or is compressed as base64', () => {
    const invalid = event({ headers: ['content-type', 'text/plain'] }, Buffer.from([0xff, 0x41]));
    expect([invalid.isBase64Encoded, invalid.body]).toEqual([true, '/0E=']);
    const zipped = event({ headers: ['content-type', 'text/plain', 'content-encoding', 'gzip'] }, Buffer.from('x'));
    expect(zipped.isBase64Encoded).toBe(true);
  });

  it('derives the X-Ray header from traceparent and leaves what the gateway set', () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const result = event({
      traceparent,
      headers: ['x-forwarded-for', '1.1.1.1'],
      host: 'localhost:8080',
      scheme: 'http',
    });
    expect(result.headers['x-amzn-trace-id']).toBe('Root=1-0af76519-16cd43dd8448eb211c80319c');
    expect(result.headers['x-forwarded-for']).toBe('1.1.1.1');
    expect(result.headers['x-forwarded-port']).toBe('8080');
    expect(result.requestContext['domainPrefix']).toBe('localhost');
  });
});
