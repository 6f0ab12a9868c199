import fc from 'fast-check';
import { expect, it } from 'vitest';
import { cases } from '../../tests/support/fuzz.ts';
import { redactedText, redactorOf } from './redaction.ts';

const value = 'p@ss/w+rd "x" <ü>';
const bytes = Buffer.from(value);
const redact = redactorOf([value]);

it.each([
  ['as it is', value],
  ['in JSON', JSON.stringify({ value })],
  ['in JSON in JSON', JSON.stringify(JSON.stringify({ value }))],
  ['in JSON of Python', '"p@ss/w+rd \\"x\\" <\\u00fc>"'],
  ['in a URL', `https://u:${encodeURIComponent(value)}@host/`],
  ['in a URL, lower case', encodeURIComponent(value).replace(/%../g, (text) => text.toLowerCase())],
  ['in a form', new URLSearchParams({ value }).toString()],
  ['in HTML', value.replaceAll('"', '&quot;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')],
  ['in hex', bytes.toString('hex')],
])('takes out a value %s', (_name, text) => {
  const clean = redact(`before ${text} after`);
  expect(clean).toContain(redactedText);
  expect(clean).toMatch(/^before .*after$/);
  expect(clean).not.toContain('ss');
});

const odd = `it's & (a) /<secret>/ "ü"~!`;
const html = odd.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
const json = JSON.stringify(odd).slice(1, -1);
it.each([
  ['as it is', odd],
  ['inside a text in JSON', json],
  ['inside a text in JSON in JSON', JSON.stringify(json).slice(1, -1)],
  ['in JSON of PHP, which escapes slashes', json.replaceAll('/', '\\/')],
  ['in a URL', encodeURIComponent(odd)],
  ['in a URL with + for spaces', encodeURIComponent(odd).replaceAll('%20', '+')],
  ['in a form', new URLSearchParams({ x: odd }).toString().slice(2)],
  ['in HTML', html],
  ['in hex', Buffer.from(odd).toString('hex')],
  ['in hex of capitals', Buffer.from(odd).toString('hex').toUpperCase()],
])('takes out the whole of a value %s and nothing else', (_name, text) => {
  expect(redactorOf([odd])(`before,${text},after`)).toBe('before,[redacted],after');
});

it('takes out a value in small letters, as the name of a host is written', () => {
  expect(redactorOf(['Key-4C1f8E'])('key-4c1f8e.example:443')).toBe(`${redactedText}.example:443`);
});

it('takes out base64 wherever the value stands in what was encoded', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 0, maxLength: 9 }),
      fc.uint8Array({ minLength: 0, maxLength: 9 }),
      fc.string({ unit: 'grapheme', minLength: 8, maxLength: 40 }),
      fc.constantFrom('base64' as const, 'base64url' as const),
      (before, after, secret, encoding) => {
        const middle = Buffer.from(secret);
        const text = Buffer.concat([before, middle, after]).toString(encoding);
        const clean = redactorOf([secret])(text);
        expect(clean).toContain(redactedText);
        // What is left are characters that the bytes around it decide as well.
        const rest = clean.replace(redactedText, '').length;
        expect(rest).toBeLessThanOrEqual(text.length - Math.floor((middle.length * 8 - 10) / 6));
      },
    ),
    cases(),
  );
});

it('takes out each line of a value of several, and longer values before shorter ones inside them', () => {
  const key = '-----BEGIN KEY-----\nAAAABBBBCCCC\nDDDDEEEEFFFF\n-----END KEY-----';
  expect(redactorOf([key])('it is DDDDEEEEFFFF here')).toBe(`it is ${redactedText} here`);
  expect(redactorOf(['secret', 'secret-and-more'])('a secret-and-more b secret')).toBe(
    `a ${redactedText} b ${redactedText}`,
  );
});

it('takes out the beginning of a value at the end of a text that was cut', () => {
  const cut = redactorOf(['correct horse battery']);
  expect(cut('x correct hor', true)).toBe(`x ${redactedText}`);
  expect(cut('x correct hor')).toBe('x correct hor');
  expect(cut('x cor', true)).toBe('x cor');
  expect(cut('x corr', true)).toBe(`x ${redactedText}`);
  expect(cut('correct', true)).toBe(redactedText);
});

it('leaves alone what is too short to be told from other words, and texts without values', () => {
  expect(redactorOf(['true', '1', ''])('true 1')).toBe('true 1');
  expect(redact('nothing here')).toBe('nothing here');
  expect(redactorOf([])('x')).toBe('x');
});

it('keeps its cost to one search per form: 32 secrets and a line of 16 KiB that nearly matches', () => {
  const values = Array.from({ length: 32 }, (_, i) => `${'a'.repeat(60)}${i}`);
  const many = redactorOf(values);
  const line = 'a'.repeat(16_384);
  let calls = 0;
  const counting = new Proxy(new String(line), {
    get: (target, name) => {
      if (name === 'includes') calls++;
      const member: unknown = Reflect.get(target, name);
      return typeof member === 'function' ? member.bind(line) : member;
    },
  });
  expect(many(counting as unknown as string)).toBe(counting);
  // Distinct forms of one value: raw (= JSON = URL = HTML), hex in two cases, base64 at three places.
  expect(calls).toBeLessThanOrEqual(32 * 12);
});
