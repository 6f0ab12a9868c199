import { describe, expect, test } from 'vitest';
import {
  functionA,
  functionB,
  invocation,
  startAt,
  versionA1,
  versionA2,
} from '../../../tests/support/metrics-fixture.ts';
import { allFunctions, otherFunctions } from '../aggregator/steps.ts';
import { LiveWindows } from './live-windows.ts';

function windowsOf(maxSeries = 10) {
  const closed: [atMs: number, series: [string, number, number, number][]][] = [];
  const windows = new LiveWindows(
    {
      maxSeries,
      idleMs: 10_000,
      onClosed: (at, series) => {
        const rows = series.map(({ functionId, version, measurement }): [string, number, number, number] => [
          functionId,
          version,
          measurement.invocations,
          measurement.throttles,
        ]);
        closed.push([at - startAt, rows]);
      },
    },
    startAt,
  );
  const call = (atMs: number, version = versionA1) =>
    windows.addInvocation(startAt + atMs, version, invocation({ at: startAt + atMs }).report);
  return { windows, closed, call };
}

describe('LiveWindows', () => {
  test('hands over a second when the next begins, with the sum of all at the end', () => {
    const { windows, closed, call } = windowsOf();
    call(0);
    call(999, versionA2);
    windows.addThrottle(startAt + 999, functionB, 'b');
    windows.addThrottle(startAt + 999, undefined, 'unknown');
    expect(closed).toEqual([]);
    call(1_000);
    expect(closed).toEqual([
      [
        0,
        [
          [functionA, 1, 1, 0],
          [functionA, 2, 1, 0],
          [functionB, 0, 0, 1],
          [otherFunctions, 0, 0, 1],
          [allFunctions, 0, 2, 2],
        ],
      ],
    ]);
  });

  test('counts a late event now, and follows a clock that was set back', () => {
    const { windows, closed, call } = windowsOf();
    call(100_000);
    call(50_000);
    expect(windows.secondAt).toBe(startAt + 100_000);
    call(5_000);
    expect(windows.secondAt).toBe(startAt + 5_000);
    expect(closed.map(([at, series]) => [at, series.at(-1)?.[2]])).toEqual([[100_000, 2]]);
  });

  test('shows the second that is going on without closing it', () => {
    const { windows, closed, call } = windowsOf();
    call(0);
    call(0, versionA2);
    const show = (ids: (typeof functionA)[], version?: number) =>
      windows.open(new Set(ids), version).map(({ functionId, measurement }) => [functionId, measurement.invocations]);
    expect(show([functionA])).toEqual([
      [functionA, 1],
      [functionA, 1],
    ]);
    expect(show([functionA], 2)).toEqual([[functionA, 1]]);
    expect(show([allFunctions])).toEqual([[allFunctions, 2]]);
    expect(show([functionB])).toEqual([]);
    expect(closed).toEqual([]);
  });

  test('forgets series that are idle, so that others find room', () => {
    const { windows, call } = windowsOf(1);
    call(0);
    call(0, versionA2);
    expect([windows.size, windows.overflow]).toEqual([1, 1]);
    windows.advance(startAt + 20_000);
    windows.forgetIdle(startAt + 20_000);
    call(20_000, versionA2);
    expect([windows.size, windows.overflow]).toEqual([1, 1]);
  });
});
