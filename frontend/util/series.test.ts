import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type LiveTick, type MetricPoint, metricPointSchema, metricsSchema } from '../../shared/api/metrics.ts';
import { functionDocument } from '../../tests/support/function-document.ts';
import {
  countsByGroup,
  errorKindColumns,
  errorShare,
  extendSeries,
  gridOf,
  groupOfErrorKind,
  healthOf,
  liveRate,
  logRange,
  requestColumns,
  stackColumns,
  timeSpan,
} from './series.ts';

describe('timeSpan', () => {
  it('ends with the last point and shows all that is known', () => {
    expect(timeSpan([100, 160, 220], 60, 999)).toEqual([100, 220]);
  });

  it('gives a single point, and few, a width', () => {
    expect(timeSpan([100], 60, 999)).toEqual([40, 100]);
    expect(timeSpan([90, 100], 60, 999)).toEqual([40, 100]);
  });

  it('ends now where nothing is known', () => {
    expect(timeSpan([], 60, 999)).toEqual([939, 999]);
  });
});

const start = Date.parse('2026-11-24T12:00:00.000Z');
const at = (seconds: number) => new Date(start + seconds * 1000).toISOString();

function point(seconds: number, more: Partial<MetricPoint> = {}): MetricPoint {
  return metricPointSchema.parse({
    at: at(seconds),
    invocations: 10,
    errors: 0,
    errorsByKind: {},
    throttles: 0,
    refusals: 0,
    coldStarts: 0,
    starts: { provisioned: 0, preloaded: 0, 'pre-warmed': 0, restored: 0, cold: 0 },
    totalMs: null,
    queuedMs: null,
    handlerMs: null,
    handlerTotalMs: 0,
    memoryBytes: null,
    coldMs: null,
    coldPhases: null,
    cpuMs: 0,
    peakMemoryBytes: 0,
    requestBytes: 0,
    responseBytes: 0,
    batches: null,
    sharedCalls: 0,
    networkReceivedBytes: 0,
    networkSentBytes: 0,
    diskReadBytes: 0,
    diskWrittenBytes: 0,
    ...more,
  });
}

describe('countsByGroup', () => {
  it('puts every error into one group', () => {
    const counts = countsByGroup(
      point(0, {
        invocations: 20,
        errors: 7,
        errorsByKind: { 'function-error': 3, timeout: 2, 'sandbox-lost': 1 },
        throttles: 4,
      }),
    );
    expect(counts).toEqual({ Success: 13, 'Function error': 4, 'Timeout or limit': 2, Platform: 1, Throttled: 4 });
  });

  it('knows whose fault a kind is', () => {
    expect(groupOfErrorKind('function-error')).toBe('Function error');
    expect(groupOfErrorKind('out-of-memory')).toBe('Timeout or limit');
    expect(groupOfErrorKind('platform-fault')).toBe('Platform');
    expect(groupOfErrorKind('something-new')).toBe('Timeout or limit');
  });
});

describe('errorKindColumns', () => {
  it('has a column per kind, the most frequent first, and gaps where nothing is known', () => {
    const points = [point(0, { errorsByKind: { timeout: 10, 'function-error': 30 } }), undefined];
    expect(errorKindColumns(points, 10_000)).toEqual([
      { kind: 'function-error', values: [3, null] },
      { kind: 'timeout', values: [1, null] },
    ]);
  });

  it('adds up what is rare', () => {
    const errorsByKind = { a: 60, b: 50, c: 40, d: 30, e: 20, f: 10 };
    const columns = errorKindColumns([point(0, { errorsByKind })], 10_000);
    expect(columns.map((column) => column.kind)).toEqual(['a', 'b', 'c', 'd', 'other']);
    expect(columns.at(-1)?.values).toEqual([3]);
  });
});

describe('extendSeries', () => {
  const series = (from: number, to: number, seconds: readonly number[]) =>
    metricsSchema.parse({
      from: at(from),
      to: at(to),
      stepMs: 1000,
      points: seconds.map((second) => point(second)),
      total: null,
    });

  it('believes what is new about the seconds that both know, and lets the oldest go', () => {
    const fresh = { ...series(4, 8, [5, 7]), points: [point(5, { invocations: 99 }), point(7)] };
    const joined = extendSeries(series(0, 6, [0, 2, 4, 5]), fresh, start + 1000);
    expect(joined.points.map((item) => item.at)).toEqual([at(2), at(5), at(7)]);
    expect(joined.points[1]?.invocations).toBe(99);
    expect([joined.from, joined.to]).toEqual([at(1), at(8)]);
  });
});

describe('gridOf', () => {
  const metrics = metricsSchema.parse({
    from: at(0),
    to: at(50),
    stepMs: 10_000,
    points: [point(10), point(40)],
    total: null,
  });

  it('has a column for every step, and keeps gaps as gaps', () => {
    const { x, points } = gridOf(metrics);
    expect(x).toEqual([0, 10, 20, 30, 40].map((seconds) => start / 1000 + seconds));
    expect(points.map((item) => item !== undefined)).toEqual([false, true, false, false, true]);
    expect(requestColumns(points, metrics.stepMs).Success).toEqual([null, 1, null, null, 1]);
  });

  it('does not run away when the step is tiny', () => {
    expect(gridOf({ ...metrics, to: at(1_000_000), stepMs: 1000 }).x).toHaveLength(5000);
  });
});

describe('stackColumns', () => {
  it('adds up from the bottom, and is null only where nothing is known', () => {
    expect(
      stackColumns([
        [1, null, null],
        [2, 3, null],
      ]),
    ).toEqual([
      [1, null, null],
      [3, 3, null],
    ]);
  });

  it('never goes down from one layer to the next', () => {
    const column = fc.array(fc.option(fc.nat(1000)), { minLength: 5, maxLength: 5 });
    fc.assert(
      fc.property(fc.array(column, { minLength: 2, maxLength: 6 }), (columns) => {
        const stacked = stackColumns(columns);
        for (let layer = 1; layer < stacked.length; layer++) {
          for (let index = 0; index < 5; index++) {
            expect(stacked[layer]?.[index] ?? 0).toBeGreaterThanOrEqual(stacked[layer - 1]?.[index] ?? 0);
          }
        }
      }),
    );
  });
});

describe('errorShare and liveRate', () => {
  it('has no share without calls', () => {
    expect(errorShare(point(0, { invocations: 0 }))).toBeNull();
    expect(errorShare(point(0, { invocations: 8, errors: 2 }))).toBe(0.25);
    expect(errorShare(null)).toBeNull();
  });

  it('is calls by seconds over the last ticks, silent seconds included', () => {
    const tick = (total: MetricPoint | null) =>
      ({ at: at(0), stepMs: 1000, total, functions: {} }) as unknown as LiveTick;
    expect(liveRate([tick(point(0, { invocations: 500 })), tick(point(1)), tick(null)], 2)).toBe(5);
    expect(liveRate([], 10)).toBeNull();
  });
});

describe('healthOf', () => {
  it('names those that fail, the worst first', () => {
    const health = healthOf([
      functionDocument('a', 100, 3),
      functionDocument('b', 10, 9),
      functionDocument('fine', 1000, 1),
    ]);
    expect(health.level).toBe('bad');
    expect(health.sentence).toBe('2 functions are failing: b (90 %), a (3 %)');
    expect(health.verdict).toBe('2 functions are failing: b, a');
  });

  it('does not cry wolf about a single failure', () => {
    expect(healthOf([functionDocument('a', 3, 1)])).toMatchObject({
      level: 'good',
      sentence: 'All good: 3 calls in the last hour',
    });
  });

  it('shortens long lists', () => {
    expect(healthOf(['a', 'b', 'c', 'd', 'e'].map((name) => functionDocument(name, 10, 10))).sentence).toMatch(
      /and 2 more$/,
    );
  });

  it('says when nothing happened', () => {
    expect(healthOf([functionDocument('a', 0, 0)])).toMatchObject({
      level: 'idle',
      sentence: 'No calls in the last hour',
    });
  });
});

describe('logRange', () => {
  it.each([
    [3, 420, [1, 1000]],
    [1, 1, [1, 10]],
    [10, 1000, [10, 10_000]],
    [null, null, [0.1, 1]],
    [0.0001, 1_000_000, [10, 10_000_000]],
  ])('of %s to %s', (min, max, range) => {
    expect(logRange(min, max).map((value) => Number(value.toPrecision(6)))).toEqual(range);
  });
});
