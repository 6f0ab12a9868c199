import { describe, expect, test } from 'vitest';
import { keyText, newKey, parseKeys } from './key-ring.ts';

const bytes = (fill: number) => Buffer.alloc(32, fill);

describe('keys from a text', () => {
  test('are the same in hex, base64 and base64url, with and without padding', () => {
    const texts = ['hex', 'base64', 'base64url'].map((form) => bytes(0xfb).toString(form as 'hex'));
    const [first, ...others] = [...texts, texts[0]?.toUpperCase() ?? '', texts[1]?.replace('=', '') ?? ''].map(
      (text) => parseKeys(text, 'X')[0],
    );
    for (const { id, key } of others) expect([id, key.export()]).toEqual([first?.id, bytes(0xfb)]);
    expect(first?.id).toMatch(/^[0-9a-f]{16}$/);
    // By which the database names it.
    expect(parseKeys(bytes(7).toString('hex'), 'X')[0].id).toBe('0f1f0bee6c86409c');
  });

  test('are as many as there are, in their order, between commas or white space', () => {
    const all = [1, 2, 3].map((fill) => bytes(fill).toString('hex'));
    const ring = parseKeys(` ${all[0]},\n\t${all[1]} , ${all[2]}\n`, 'X');
    expect(ring.map(({ key }) => key.export().readUInt8(0))).toEqual([1, 2, 3]);
    expect(new Set(ring.map(({ id }) => id)).size).toBe(3);
  });

  test.each(['', ' ,\n', 'a', 'g'.repeat(64), 'a'.repeat(63), 'a'.repeat(65), 'é'.repeat(43), `${'a'.repeat(42)}!`])(
    '%j is none, and is not repeated in the message',
    (text) => {
      const wrong = expect.objectContaining({
        kind: 'invalid_request',
        code: 'bad_secrets_key',
        message: expect.stringMatching(/^the file cannot be used as the key of secrets: (it holds no key|a key in it)/),
      });
      expect(() => parseKeys(text, 'the file')).toThrow(wrong);
      expect(() => parseKeys(`${bytes(1).toString('hex')} ${text}!`, 'the file')).toThrow(wrong);
    },
  );
});

test('a new key comes back from its text, and is not the one before', () => {
  const key = newKey();
  expect(parseKeys(keyText(key), 'X')[0].id).toBe(key.id);
  expect(newKey().id).not.toBe(key.id);
});
