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

test('forgets those that were not used for longest, and never holds more than it may', () => {
  const buckets = new TokenBuckets(4);
  const isAllowed = (key: string) => buckets.take(key, 1, 1_000_000, 0).isAllowed;
  expect(['a', 'b', 'c'].map(isAllowed)).toEqual([true, true, true]);
  // Used again, so it outlives those that were not.
  expect(isAllowed('a')).toBe(false);
  expect(['d', 'a', 'e', 'b'].map(isAllowed)).toEqual([true, false, true, true]);
  for (let i = 0; i < 1000; i++) {
    isAllowed(`many ${i}`);
    expect(buckets.size).toBeLessThanOrEqual(4);
  }
});
