import { describe, expect, it } from 'vitest';
import { answerFileName, shownBody } from './http-answer.ts';

const bytes = (...values: number[]) => ({ body: Uint8Array.from(values) });
const text = (value: string) => ({ body: new TextEncoder().encode(value) as Uint8Array<ArrayBuffer> });

describe('the body of a response', () => {
  it('is laid out when it is JSON, with its numbers as they came, and as it is when it is other text', () => {
    expect(shownBody(text('{"n":12345678901234567890}'))).toEqual({ text: '{\n  "n": 12345678901234567890\n}' });
    expect(shownBody(text('<p>ä</p>'))).toEqual({ text: '<p>ä</p>' });
    expect(shownBody(text(''))).toEqual({ text: '' });
  });

  it('is not shown when it is no text, or too much of it', () => {
    expect(shownBody(bytes(0x89, 0x50, 0xff))).toEqual({ reason: 'The body is no text.' });
    expect(shownBody(bytes(0x61, 0))).toEqual({ reason: 'The body is no text.' });
    expect(shownBody(text('x'.repeat(512 * 1024 + 1)))).toEqual({ reason: 'The body is too large to be shown here.' });
  });

  it.each([
    ['image/png', 'shop.png'],
    ['image/svg+xml', 'shop.svg'],
    ['text/plain; charset=utf-8', 'shop.txt'],
    ['application/octet-stream', 'shop.bin'],
    ['application/x-../../evil', 'shop.bin'],
    [undefined, 'shop.bin'],
  ])('of type %s is saved as %s', (type, name) => expect(answerFileName('shop', type)).toBe(name));
});
