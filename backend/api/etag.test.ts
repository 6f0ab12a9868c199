import { expect, test } from 'vitest';
import { etagOf, expectedRevision } from './etag.ts';

test('the tag of a revision is read back, weak or in white space too', () => {
  expect(etagOf(7)).toBe('"7"');
  for (const tag of ['"7"', 'W/"7"', ' "7"\t']) expect(expectedRevision(tag)).toBe(7);
  expect(expectedRevision(etagOf(999_999_999_999_999))).toBe(999_999_999_999_999);
});

test('no header, and any tag, expect nothing', () => {
  for (const header of [undefined, '*', ' * ']) expect(expectedRevision(header)).toBeUndefined();
});

test.each(['', '7', '"7', '7"', '"7" "8"', '"7", "8"', 'w/"7"', 'x"7"', '"7"x', `"${'1'.repeat(65)}"`])(
  '%j is no tag',
  (header) => {
    expect(() => expectedRevision(header)).toThrow(
      expect.objectContaining({ kind: 'invalid_request', code: 'bad_if_match' }),
    );
  },
);

test.each(['""', '"x"', '"-1"', '"1.5"', '" 7"', '"7x"', '"1000000000000000"'])(
  '%j cannot be a tag of ours',
  (header) => {
    expect(() => expectedRevision(header)).toThrow(
      expect.objectContaining({ kind: 'precondition_failed', code: 'etag_mismatch' }),
    );
  },
);
