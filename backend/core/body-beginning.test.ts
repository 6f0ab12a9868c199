import { expect, test } from 'vitest';
import { BodyBeginning } from './body-beginning.ts';

test('keeps the first bytes, counts all, and knows the length at the end', () => {
  const body = new BodyBeginning(5);
  for (const text of ['abc', 'defg', 'hij']) body.take(Buffer.from(text));
  expect(body.bytes().toString()).toBe('abcde');
  expect(body.bodyBytes).toBeUndefined();
  body.end();
  expect(body.bodyBytes).toBe(10);
});

test('of nothing is nothing, whole', () => {
  const body = new BodyBeginning(0);
  body.take(Buffer.from('a'));
  body.end();
  expect([body.bytes().length, body.bodyBytes]).toEqual([0, 1]);
});
