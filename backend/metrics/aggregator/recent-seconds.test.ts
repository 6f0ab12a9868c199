import { describe, expect, test } from 'vitest';
import type { FunctionId } from '../../../shared/ids.ts';
import { functionA, functionB, invocation, startAt } from '../../../tests/support/metrics-fixture.ts';
import { Measurement } from './measurement.ts';
import { RecentSeconds } from './recent-seconds.ts';

function second(functionId: FunctionId, calls: number, version = 1) {
  const measurement = new Measurement();
  for (let i = 0; i < calls; i++)
    measurement.addInvocation(invocation({ at: 0, totalMs: 1 + 40 * ((i * 0.618) % 1) }).report);
  return { functionId, version, measurement };
}
const recentOf = (maxBytes = 1_000_000) => new RecentSeconds({ keepMs: 900_000, maxBytes }, startAt);

describe('RecentSeconds', () => {
  test('gives back each second of a function, per version, in the range', () => {
    const recent = recentOf();
    recent.add(startAt, [second(functionA, 1), second(functionB, 9)]);
    recent.add(startAt + 1_000, [second(functionA, 2), second(functionA, 3, 2)]);
    recent.add(startAt + 1_000, [second(functionA, 4)]);
    recent.add(startAt + 2_000, [second(functionA, 5)]);
    const read = (version?: number) =>
      recent
        .read(functionA, version, startAt, startAt + 2_000)
        .map(({ at, measurement }) => [at - startAt, measurement.invocations]);
    expect(read()).toEqual([
      [0, 1],
      [1_000, 2],
      [1_000, 3],
      [1_000, 4],
    ]);
    expect(read(2)).toEqual([[1_000, 3]]);
  });

  test('forgets what is too old, and knows since when it is complete', () => {
    const recent = recentOf();
    recent.add(startAt, [second(functionA, 1)]);
    expect(recent.completeSince(startAt)).toBe(startAt);
    recent.add(startAt + 901_000, [second(functionA, 1)]);
    expect(recent.read(functionA, undefined, 0, startAt + 10_000)).toEqual([]);
    expect(recent.completeSince(startAt + 902_000)).toBe(startAt + 2_000);
    recent.evictBefore(startAt + 2_000_000);
    expect(recent.usedBytes).toBe(0);
  });

  test('holds its bound of bytes by dropping the oldest second', () => {
    const recent = recentOf(5_000);
    for (let i = 0; i < 100; i++) {
      recent.add(startAt + i * 1_000, [second(functionA, 10)]);
      expect(recent.usedBytes).toBeLessThanOrEqual(5_000);
    }
    const left = recent.read(functionA, undefined, 0, startAt + 100_000);
    expect(left.length).toBeGreaterThan(3);
    expect(recent.completeSince(startAt + 100_000)).toBe(left[0]?.at);
  });

  test('takes as many bytes per busy second as its description says', () => {
    const bytesOf = (calls: number) => {
      const recent = recentOf();
      recent.add(startAt, [second(functionA, calls)]);
      return recent.usedBytes;
    };
    expect(bytesOf(1)).toBeLessThan(300);
    expect(bytesOf(1_000)).toBeLessThan(1_200);
  });
});
