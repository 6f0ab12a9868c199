import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cases } from '../tests/support/fuzz.ts';
import { isHost } from './http-host.ts';

test.each(['a', 'a.example', 'a.example.', 'A_b-c~1:8080', '127.0.0.1:0', '[::1]', '[::ffff:127.0.0.1]:65535'])(
  '%s is a host',
  (value) => {
    expect(isHost(value)).toBe(true);
  },
);

test.each([
  '',
  ' ',
  'a b',
  'a/admin',
  'a/admin?',
  'a?b',
  'a#',
  'a\\b',
  'user@a',
  'a, b',
  'a,b',
  'a:',
  'a:b',
  'a:1:2',
  'a:123456',
  '::1',
  '[::1',
  '[::1]a',
  '[a%25eth0]',
  '%61',
  'ä.example',
  'a\n',
  'a".example',
  'a'.repeat(256),
])('%j is none', (value) => {
  expect(isHost(value)).toBe(false);
});

test('whatever is one leaves the path of a URL alone', () => {
  const characters = fc.constantFrom(...'aZ09.-_~:/?#[]@!$&\'()*+,;=%\\ "<>^`{|}\t\n\0');
  fc.assert(
    fc.property(fc.string({ unit: characters, maxLength: 12 }), (value) => {
      const url = `http://${value}/public/x?q=1`;
      if (isHost(value) && URL.canParse(url))
        expect(new URL(url)).toMatchObject({ pathname: '/public/x', search: '?q=1', username: '', hash: '' });
    }),
    cases(),
  );
});
