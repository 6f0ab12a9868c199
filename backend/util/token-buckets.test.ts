import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TokenBuckets } from './token-buckets.ts';

test('gives a window at once, then one by one as they come back', () => {
  const buckets = new TokenBuckets(10);
  for (let i = 0; i < 5; i++)
    expect(buckets.take('a', 5, 10_000, 0)).toMatchObject({ isAllowed: true, remaining: 4 - i });
  expect(buckets.take('a', 5, 10_000, 0)).toEqual({ isAllowed: false, remaining: 0, waitSeconds: 2 });
  expect(buckets.take('b', 5, 10_000, 0).isAllowed).toBe(true);
  expect(buckets.take('a', 5, 10_000, 1999).isAllowed).toBe(false);
  expect(buckets.take('a', 5, 10_000, 2000)).toEqual({ isAllowed: true, remaining: 0, waitSeconds: 10 });
});

test('never lets more through than a full bucket and what came back', () => {
  const request = fc.record({ key: fc.constantFrom('a', 'b'), after: fc.integer({ min: 0, max: 3000 }) });
  fc.assert(
    fc.property(fc.array(request, { maxLength: 200 }), fc.integer({ min: 1, max: 20 }), (requests, capacity) => {
      const buckets = new TokenBuckets(5);
      const allowed = new Map<string, number>();
      let now = 0;
      for (const { key, after } of requests) {
        now += after;
        const { isAllowed, remaining } = buckets.take(key, capacity, 1000, now);
        expect(remaining).toBeGreaterThanOrEqual(0);
        if (isAllowed) allowed.set(key, (allowed.get(key) ?? 0) + 1);
      }
      for (const count of allowed.values())
        expect(count).toBeLessThanOrEqual(capacity + (now * capacity) / 1000 + 1e-6);
    }),
  );
});

test('forgets those that were not used for longest', () => {
  const buckets = new TokenBuckets(2);
  buckets.take('a', 1, 1000, 0);
  buckets.take('b', 1, 1000, 0);
  buckets.take('a', 1, 1000, 1);
  buckets.take('c', 1, 1000, 1);
  expect(buckets.size).toBe(2);
  expect(buckets.take('a', 1, 1000, 1).isAllowed).toBe(false);
  expect(buckets.take('b', 1, 1000, 1).isAllowed).toBe(true);
});
