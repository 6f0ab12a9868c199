import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PlatformError } from '../../shared/errors.ts';
import { cases } from '../../tests/support/fuzz.ts';
import { decodeCursor, encodeCursor, pageOf } from './cursor.ts';

describe('cursors', () => {
  it('come back as they went', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 60 }), fc.maxSafeInteger(), (text, number) => {
        expect(decodeCursor('list', ['s', 'n'], encodeCursor('list', [text, number]))).toEqual([text, number]);
      }),
      cases(),
    );
    expect(decodeCursor('list', ['s'], undefined)).toBeUndefined();
  });

  it('that we did not make are refused, and nothing else happens', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json(), fc.base64String()), (text) => {
        for (const cursor of [text, Buffer.from(text).toString('base64url')]) {
          expect(() => decodeCursor('list', ['s', 'n'], cursor)).toThrow(PlatformError);
        }
      }),
      cases(),
    );
  });

  it('of another list, of another shape, with parts that are no whole numbers are refused', () => {
    for (const cursor of [
      encodeCursor('other', ['a', 1]),
      encodeCursor('list', ['a']),
      encodeCursor('list', ['a', 1, 1]),
      encodeCursor('list', [1, 'a']),
      encodeCursor('list', [1, 1]),
      encodeCursor('list', ['a', 1.5]),
      encodeCursor('list', ['a'.repeat(500), 1]),
    ]) {
      expect(() => decodeCursor('list', ['s', 'n'], cursor)).toThrow(
        expect.objectContaining({
          kind: 'invalid_request',
          code: 'bad_cursor',
          message: expect.stringContaining('does not belong to this list'),
          issues: [{ path: 'cursor', message: 'not a cursor of this list' }],
        }),
      );
    }
  });

  it('are taken up to a length that every key of ours fits in', () => {
    const longest = 'a'.repeat(373);
    const cursor = encodeCursor('list', [longest]);
    expect(cursor).toHaveLength(512);
    expect(decodeCursor('list', ['s'], cursor)).toEqual([longest]);
    expect(() => decodeCursor('list', ['s'], encodeCursor('list', [`${longest}a`]))).toThrow('does not belong');
  });

  it('are given only when there is more', () => {
    const page = (rows: number[]) => pageOf(rows, 2, String, (row) => `after ${row}`);
    expect(page([])).toEqual({ items: [], nextCursor: null });
    expect(page([1, 2])).toEqual({ items: ['1', '2'], nextCursor: null });
    expect(page([1, 2, 3])).toEqual({ items: ['1', '2'], nextCursor: 'after 2' });
  });
});
