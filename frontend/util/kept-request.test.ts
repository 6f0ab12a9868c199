import { describe, expect, it } from 'vitest';
import type { KeptRequestDocument } from '../../shared/api/kept-requests.ts';
import { bodySizeText, notKeptText, testEventOf, traceIdOf } from './kept-request.ts';

const request: KeptRequestDocument = {
  invocationId: 'inv_1',
  method: 'POST',
  url: 'http://h/f/a?b=1&b=2&__proto__=3',
  path: '/a',
  query: 'b=1&b=2&__proto__=3',
  headers: [
    { name: 'Accept', value: 'a' },
    { name: 'accept', value: 'b' },
  ],
  clientAddress: '::1',
  body: '{"n": 12345678901234567890}',
  isBase64Encoded: false,
  bodyBytes: 27,
  isCut: false,
  redacted: [],
  replayObstacle: null,
  response: null,
};

describe('testEventOf', () => {
  it('is the event that a handler gets, with the body to the letter', () => {
    const { requestContext, headers, queryStringParameters, ...event } = JSON.parse(testEventOf(request));
    expect(event).toEqual({
      version: '2.0',
      rawPath: '/a',
      rawQueryString: 'b=1&b=2&__proto__=3',
      body: request.body,
      isBase64Encoded: false,
    });
    expect(headers).toEqual({ accept: 'a,b' });
    expect(queryStringParameters).toMatchObject({ b: '1,2' });
    expect(requestContext).toEqual({ http: { method: 'POST', path: '/a', sourceIp: '::1' } });
  });

  it('has no body and no parameters where there were none', () => {
    const event = JSON.parse(testEventOf({ ...request, body: '', query: '' }));
    expect(event).not.toHaveProperty('body');
    expect(event).not.toHaveProperty('queryStringParameters');
  });
});

describe('texts', () => {
  it('say how much of a body there is', () => {
    expect(bodySizeText(request)).toBe('27 B');
    expect(bodySizeText({ ...request, isCut: true, bodyBytes: 2048, body: 'ää' })).toBe('cut: the first 4 B, of 2 KiB');
    const bytes = { ...request, isCut: true, bodyBytes: null, body: 'AAAA', isBase64Encoded: true };
    expect(bodySizeText(bytes)).toBe('cut: the first 3 B, it had not ended');
  });

  it('say the trace of a call', () => {
    expect(traceIdOf(`00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01`)).toBe('ab'.repeat(16));
    expect(traceIdOf(null)).toBeUndefined();
  });

  it('say why nothing is there', () => {
    expect(notKeptText('http')).toContain('capture');
    expect(notKeptText('async')).toBe('The event was not kept.');
  });
});
