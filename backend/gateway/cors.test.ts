import { expect, test } from 'vitest';
import { corsHeaders, preflightHeaders } from './cors.ts';

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
