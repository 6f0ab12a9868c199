import { expect, test } from 'vitest';
import { corsHeaders, isCorsHeader, preflightHeaders } from './cors.ts';

const named = 'https://a.example';
const other = 'https://evil.example';
const credentials = 'access-control-allow-credentials';

test('credentials are for origins that are named, and never for every site', () => {
  const cors = { origins: [named, '*'], credentials: true };
  expect(corsHeaders(cors, named)).toEqual(expect.arrayContaining([named, credentials]));
  expect(preflightHeaders(cors, named, 'GET', undefined)).toEqual(expect.arrayContaining([named, credentials]));
  for (const headers of [corsHeaders(cors, other), preflightHeaders(cors, other, 'GET', undefined)]) {
    expect(headers.slice(0, 2)).toEqual(['access-control-allow-origin', '*']);
    expect(headers).not.toContain(credentials);
  }
});

test('an origin that is not allowed gets nothing', () => {
  expect(corsHeaders({ origins: [named], credentials: true }, other)).toEqual(['vary', 'Origin']);
});

test('a request of no other site gets nothing but the note for caches', () => {
  expect(corsHeaders({ origins: ['*'] }, undefined)).toEqual(['vary', 'Origin']);
  expect(preflightHeaders({ origins: [named] }, other, 'GET', undefined)).toEqual(['vary', 'Origin']);
});

test('a preflight is told what the settings say, or what it asks for', () => {
  const vary = ['vary', 'Origin, Access-Control-Request-Headers'];
  const answer = (methods: string, headers: string, age: string) => [
    ...['access-control-allow-origin', named, 'access-control-allow-methods', methods],
    ...['access-control-allow-headers', headers, 'access-control-max-age', age, ...vary],
  ];
  expect(preflightHeaders({ origins: [named] }, named, 'PUT', undefined)).toEqual(answer('PUT', '', '600'));
  expect(preflightHeaders({ origins: [named] }, named, 'PUT', 'x-a, x-b')).toEqual(answer('PUT', 'x-a, x-b', '600'));
  const cors = {
    origins: [named],
    methods: ['GET' as const, 'POST' as const],
    headers: ['x-c', 'x-d'],
    maxAgeSeconds: 5,
  };
  expect(preflightHeaders(cors, named, 'PUT', 'x-a')).toEqual(answer('GET, POST', 'x-c, x-d', '5'));
});

test('only headers of CORS give way', () => {
  expect(isCorsHeader('access-control-allow-origin')).toBe(true);
  expect(['x-access-control-a', 'vary', 'origin'].some(isCorsHeader)).toBe(false);
});
