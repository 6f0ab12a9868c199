import { describe, expect, it } from 'vitest';
import { isCredentialHeader } from '../../../shared/credential-header.ts';
import {
  hiderOf,
  isCredentialParameter,
  withoutCredentialHeaders,
  withoutQueryCredentials,
} from './credential-names.ts';

describe('names of credentials', () => {
  it.each([
    'Authorization',
    'Proxy-Authorization',
    'Cookie',
    'Set-Cookie',
    'X-Api-Key',
    'apikey',
    'X-Auth-Token',
    'X-Amz-Security-Token',
    'X-CSRF-Token',
    'x-functions-key',
    'Ocp-Apim-Subscription-Key',
    'x-client-secret',
    'X-Session-Id',
    'cf-access-jwt-assertion',
  ])('header %s holds one', (name) => expect(isCredentialHeader(name)).toBe(true));

  it.each([
    'Content-Type',
    'Idempotency-Key',
    'X-Hub-Signature-256',
    'Stripe-Signature',
    'X-Forwarded-For',
    'Host',
    'Accept-Encoding',
    'Author',
    'X-Keyboard',
    'traceparent',
  ])('header %s holds none', (name) => expect(isCredentialHeader(name)).toBe(false));

  it.each([
    'token',
    'access_token',
    'accessToken',
    'client%5Fsecret',
    'user[password]',
    'api_key',
    'key',
    'sig',
    'X-Amz-Signature',
    'pwd',
    'PASSWORD',
  ])('parameter %s holds one', (name) => expect(isCredentialParameter(name)).toBe(true));

  it.each(['page', 'monkey', 'keyword', 'tokens_per_minute_of', 'signed', '%', 'author'])(
    'parameter %s: as its words say',
    (name) => expect(isCredentialParameter(name)).toBe(name.startsWith('tokens')),
  );
});

describe('what is left of a request', () => {
  it('has its query with the values of credentials replaced, and all else to the letter', () => {
    expect(withoutQueryCredentials('/a?b=%20c&token=x&token=y&flag&d=?e')).toEqual({
      target: '/a?b=%20c&token=redacted&token=redacted&flag&d=?e',
      names: ['token', 'token'],
      values: ['x', 'y'],
    });
    expect(withoutQueryCredentials('/token=x')).toEqual({ target: '/token=x', names: [], values: [] });
    expect(withoutQueryCredentials('/a?')).toEqual({ target: '/a?', names: [], values: [] });
  });

  it('has the other headers, in their order, and addresses in them without credentials', () => {
    const headers = ['Host', 'a', 'authorization', 'Bearer x', 'Referer', 'https://a/?code=1&sig=2', 'COOKIE', 'c=1'];
    expect(withoutCredentialHeaders([...headers, 'cookie', 'd=1'])).toEqual({
      headers: ['Host', 'a', 'Referer', 'https://a/?code=1&sig=redacted'],
      names: ['authorization', 'cookie'],
      values: ['Bearer x', 'c=1', 'd=1'],
    });
  });

  it('has no part of what was left out anywhere else', () => {
    const hide = hiderOf(['Bearer abc"defg', 'sid=s3ss10n; theme=dark', 'a%20bcdef']);
    expect(hide('abc"defg abc\\"defg s3ss10n dark a bcdef a%20bcdef')).toBe(
      'redacted redacted redacted dark redacted redacted',
    );
  });
});
