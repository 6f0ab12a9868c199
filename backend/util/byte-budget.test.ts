import { expect, test } from 'vitest';
import { ByteBudget } from './byte-budget.ts';

test('gives each window its bytes, per key and in all', () => {
  const budget = new ByteBudget({ windowMs: 100, maxBytes: 30, maxBytesPerKey: 20 });
  expect(budget.has('a', 0)).toBe(true);
  budget.spend('a', 19);
  expect(budget.has('a', 1)).toBe(true);
  budget.spend('a', 1);
  expect(budget.has('a', 1)).toBe(false);
  expect(budget.has('b', 99)).toBe(true);
  budget.spend('b', 10);
  expect(budget.has('c', 99)).toBe(false);
  expect(budget.has('a', 100)).toBe(true);
});

test('lets one thing go over that is larger than all of it', () => {
  const budget = new ByteBudget({ windowMs: 100, maxBytes: 30, maxBytesPerKey: 20 });
  expect(budget.has('a', 0)).toBe(true);
  budget.spend('a', 1000);
  expect(budget.has('b', 0)).toBe(false);
});
