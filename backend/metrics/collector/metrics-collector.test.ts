import { describe, expect, onTestFinished, test } from 'vitest';
import { hourMs, minuteMs } from '../../../shared/durations.ts';
import { settle } from '../../../tests/fakes/manual-clock.ts';
import { MemoryMetricPoints } from '../../../tests/fakes/memory-stores.ts';
import {
  collect,
  functionA,
  functionB,
  invocation,
  quietHost,
  startAt,
  versionA1,
  versionA2,
  versionB1,
} from '../../../tests/support/metrics-fixture.ts';

describe('MetricsCollector', () => {
  test('sums up what each version used', async () => {
    const { collector, clock } = collect();
    collector.record(invocation({ at: clock.now(), totalMs: 10, start: 'cold' }));
    clock.advance(20_000);
    collector.record(invocation({ at: clock.now(), totalMs: 30 }));
    collector.record(invocation({ at: clock.now(), version: versionA2, totalMs: 5 }));
    collector.record(invocation({ at: clock.now(), version: versionB1, totalMs: 5 }));
    const totals = await collector.totals([functionA], startAt, clock.now() + 1);
    expect([...totals.keys()]).toEqual([functionA]);
    const byVersion = totals.get(functionA)?.toSorted((a, b) => a.version - b.version);
    expect(byVersion?.map(({ version, invocations, coldStarts }) => [version, invocations, coldStarts])).toEqual([
      [1, 2, 1],
      [2, 1, 0],
    ]);
    expect(byVersion?.[0]).toMatchObject({ cpuMs: 3, initMs: 10, responseBytes: 2_000 });
    expect(byVersion?.[0]?.handlerMs).toBeCloseTo(32);
  });

  test('counts every kind of event in the second it happened in, before anything is stored', async () => {
    const { collector, clock } = collect();
    collector.record(invocation({ at: clock.now(), totalMs: 10 }));
    collector.record(invocation({ at: clock.now(), totalMs: 30, start: 'cold' }));
    clock.advance(2_000);
    collector.record(
      invocation({ at: clock.now(), outcome: { kind: 'function-fault', fault: 'timeout', message: '' } }),
    );
    collector.record(invocation({ at: clock.now(), httpStatus: 503 }));
    collector.record(invocation({ at: clock.now(), outcome: { kind: 'cancelled', message: '' } }));
    collector.record({ kind: 'throttle', at: clock.now(), functionName: 'a', limit: 'function' });
    const { points, total, stepMs } = await collector.series({
      functionId: functionA,
      version: undefined,
      from: startAt,
      to: clock.now() + 1,
      stepMs: 1_000,
    });
    expect(stepMs).toBe(1_000);
    expect(
      points.map(({ at, invocations, errors, throttles, coldStarts }) => [
        Date.parse(at) - startAt,
        invocations,
        errors,
        throttles,
        coldStarts,
      ]),
    ).toEqual([
      [0, 2, 0, 0, 1],
      [2_000, 3, 2, 1, 0],
    ]);
    expect(total).toMatchObject({ invocations: 5, errorsByKind: { timeout: 1, 'http-5xx': 1 } });
    expect(total?.totalMs).toMatchObject({ max: 30 });
    expect(total?.coldMs?.boot).toBe(20);
  });

  test('answers the same from memory, from the store, and from a new process', async () => {
    const points = new MemoryMetricPoints();
    const first = collect({ points });
    for (let i = 0; i < 300; i++) {
      first.collector.record(invocation({ at: first.clock.now(), totalMs: 1 + (i % 100) }));
      first.collector.record(invocation({ at: first.clock.now(), version: versionB1 }));
      await first.clock.advanceAsync(1_000);
    }
    const query = {
      functionId: functionA,
      version: undefined,
      from: startAt,
      to: startAt + 5 * minuteMs,
      stepMs: minuteMs,
    };
    const live = await first.collector.series(query);
    await first.collector.close();
    const second = collect({ points, now: first.clock.now() });
    const stored = await second.collector.series(query);
    expect(stored).toEqual(live);
    expect(live.points.map(({ invocations }) => invocations)).toEqual([60, 60, 60, 60, 60]);
    expect(live.total?.invocations).toBe(300);
    expect(Math.abs((live.total?.totalMs?.p50 ?? 0) / 50 - 1)).toBeLessThan(0.03);
    const everything = await second.collector.series({ ...query, functionId: undefined });
    expect(everything.total?.invocations).toBe(600);
  });

  test('continues a slot that an earlier process began, without losing or doubling a call', async () => {
    const points = new MemoryMetricPoints();
    const first = collect({ points });
    first.collector.record(invocation({ at: startAt }));
    first.clock.advance(2_000);
    await first.collector.close();
    const second = collect({ points, now: startAt + 5_000 });
    second.collector.record(invocation({ at: second.clock.now() }));
    const query = { functionId: functionA, version: undefined, from: startAt, to: startAt + 10_000, stepMs: 10_000 };
    expect((await second.collector.series(query)).total?.invocations).toBe(2);
    await second.collector.flush();
    await second.collector.flush();
    expect((await second.collector.series(query)).total?.invocations).toBe(2);
    expect((await collect({ points, now: startAt + 9_000 }).collector.series(query)).total?.invocations).toBe(2);
  });

  test('keeps its numbers while the store fails and stores them once afterwards', async () => {
    const points = new MemoryMetricPoints();
    const { collector, clock } = collect({ points });
    points.faults.failures = Number.POSITIVE_INFINITY;
    for (let i = 0; i < 60; i++) {
      collector.record(invocation({ at: clock.now() }));
      await clock.advanceAsync(1_000);
    }
    expect(points.size).toBe(0);
    expect(collector.health.storeFailures).toBeGreaterThan(2);
    points.faults.failures = 0;
    await clock.advanceAsync(11_000);
    const total = (await sumOf(points, 10_000)).invocations;
    expect([total, collector.health.droppedPoints]).toEqual([60, 0]);
  });

  test('holds memory while the store fails for good, dropping the oldest and counting it', async () => {
    const { collector, clock, points } = collect({ maxPendingPoints: 10 });
    points.faults.failures = Number.POSITIVE_INFINITY;
    for (let i = 0; i < 120; i++) {
      collector.record(invocation({ at: clock.now() }));
      await clock.advanceAsync(1_000);
    }
    expect(collector.health.droppedPoints).toBeGreaterThanOrEqual(12);
    points.faults.failures = 0;
    await collector.flush();
    expect(points.size).toBeLessThanOrEqual(12);
  });

  test('rolls up minutes and hours exactly, also after a crash and a long downtime', async () => {
    const points = new MemoryMetricPoints();
    const first = collect({ points });
    for (let i = 0; i < 70 * 6; i++) {
      first.collector.record(
        invocation({ at: first.clock.now(), totalMs: 1 + i, version: i % 2 === 0 ? versionA1 : versionA2 }),
      );
      await first.clock.advanceAsync(10_000);
    }
    await first.collector.flush();
    // No close: the process is gone. The next one starts days later.
    const later = first.clock.now() + 3 * 24 * hourMs;
    const second = collect({ points, now: later });
    await second.clock.advanceAsync(15_000);
    await second.collector.flush();
    expect((await sumOf(points, minuteMs)).invocations).toBe(420);
    expect((await sumOf(points, hourMs)).invocations).toBe(420);
    for (const target of second.collector.retentionTargets()) await target.prune(later);
    expect(points.all(10_000).filter(({ at }) => at < later - 6 * hourMs)).toEqual([]);
    const query = { functionId: functionA, from: startAt, to: later, stepMs: undefined };
    const all = await second.collector.series({ ...query, version: undefined });
    expect(all.total?.invocations).toBe(420);
    expect(Math.abs((all.total?.totalMs?.p95 ?? 0) / 399 - 1)).toBeLessThan(0.02);
    expect((await second.collector.series({ ...query, version: 2 })).total?.invocations).toBe(210);
  });

  test('keeps what the host did, also while nothing is called and over a restart, apart from the calls', async () => {
    const points = new MemoryMetricPoints();
    let cpuPercent = 20;
    const gauges = {
      pool: () => undefined,
      scheduler: () => undefined,
      host: () => ({ ...quietHost, cpuPercent }),
    };
    const first = collect({ points, gauges });
    await first.clock.advanceAsync(30_000);
    cpuPercent = 80;
    await first.clock.advanceAsync(30_000);
    const seconds = await first.collector.gaugeSeries({ from: startAt, to: startAt + minuteMs, stepMs: 1_000 });
    expect(seconds.points.map(({ gauges: { cpuPercent: cpu } }) => cpu?.max)).toEqual([
      // The first look is at the end of the first second.
      ...new Array(29).fill(20),
      ...new Array(30).fill(80),
    ]);
    await first.clock.advanceAsync(hourMs);
    await first.collector.close();
    // Gone for two hours, which stay a gap.
    const second = collect({ points, gauges, now: first.clock.now() + 2 * hourMs });
    await second.clock.advanceAsync(10 * minuteMs);
    const minutes = await second.collector.gaugeSeries({
      from: startAt,
      to: second.clock.now(),
      stepMs: minuteMs,
    });
    const at = minutes.points.map((point) => (Date.parse(point.at) - startAt) / minuteMs);
    expect(at).toEqual([...new Array(61).keys(), ...Array.from({ length: 10 }, (_, index) => 181 + index)]);
    expect(minutes.points[0]?.gauges).toMatchObject({
      cpuPercent: { mean: 50.508, max: 80 },
      diskUsedBytes: { mean: 11_000, max: 11_000 },
      memoryTotalBytes: { mean: 4_000 },
    });
    const hours = await second.collector.gaugeSeries({
      from: startAt,
      to: second.clock.now(),
      stepMs: hourMs,
    });
    expect(hours.points.map(({ samples }) => samples)).toEqual([3_599, 60, 599]);
    const calls = { functionId: undefined, version: undefined, from: startAt, to: second.clock.now() };
    expect(await second.collector.series({ ...calls, stepMs: minuteMs })).toMatchObject({ points: [], total: null });
    second.collector.record(invocation({ at: second.clock.now() }));
    const later = { ...calls, to: second.clock.now() + 1, stepMs: minuteMs };
    expect((await second.collector.series(later)).total?.invocations).toBe(1);
  });

  test('keeps what instances held, also while nothing is called, and takes no call for it', async () => {
    const points = new MemoryMetricPoints();
    const { collector, clock } = collect({ points });
    const hold = (bytes: number) =>
      collector.record({ kind: 'instance-memory', at: clock.now(), version: versionA1, bytes });
    hold(40);
    hold(60);
    clock.advance(5_000);
    hold(50);
    await collector.close();
    const range = {
      functionId: functionA,
      version: undefined,
      from: startAt,
      to: startAt + minuteMs,
      stepMs: minuteMs,
    };
    const later = collect({ points, now: startAt + hourMs }).collector;
    const { points: steps, total } = await later.series(range);
    expect(steps.map(({ invocations, memoryBytes }) => [invocations, memoryBytes?.max])).toEqual([[0, 60]]);
    expect(Math.round(steps[0]?.memoryBytes?.p50 ?? 0)).toBe(50);
    expect(total).toBeNull();
    expect(await later.totals([functionA], startAt, startAt + minuteMs)).toEqual(new Map());
  });

  test('never deletes points that are not rolled up', async () => {
    const points = new MemoryMetricPoints();
    const first = collect({ points });
    first.collector.record(invocation({ at: startAt }));
    first.clock.advance(10_000);
    await first.collector.close();
    const second = collect({ points, now: startAt + 30 * 24 * hourMs, isStarted: false });
    for (const target of second.collector.retentionTargets()) expect(await target.prune(second.clock.now())).toBe(0);
    await second.collector.flush();
    expect((await sumOf(points, hourMs)).invocations).toBe(1);
    for (const target of second.collector.retentionTargets()) await target.prune(second.clock.now());
    expect([points.all(10_000), points.all(minuteMs)]).toEqual([[], []]);
    expect((await sumOf(points, hourMs)).invocations).toBe(1);
  });

  test('adds to what is stored when the clock is set back', async () => {
    const points = new MemoryMetricPoints();
    const { collector, clock } = collect({ points });
    const run = async () => {
      for (let i = 0; i < 13; i++) {
        collector.record(invocation({ at: clock.now() }));
        await clock.advanceAsync(10_000);
      }
      await collector.flush();
    };
    await run();
    clock.jumpTo(startAt);
    await run();
    expect((await sumOf(points, 10_000)).invocations).toBe(26);
    expect((await sumOf(points, minuteMs)).invocations).toBe(24);
  });

  test('bounds the live series; what exceeds them still counts in the whole', async () => {
    const { collector, clock } = collect({ maxSeries: 2 });
    for (let i = 0; i < 10; i++) {
      const versionId = `ver_${i}` as typeof versionA1.versionId;
      const functionId = `fn_${i}` as typeof versionA1.functionId;
      collector.record(invocation({ at: clock.now(), version: { ...versionA1, versionId, functionId } }));
    }
    const query = { version: undefined, from: startAt, to: startAt + 1_000, stepMs: undefined };
    expect((await collector.series({ ...query, functionId: undefined })).total?.invocations).toBe(10);
    expect((await collector.series({ ...query, functionId: 'fn_9' as typeof functionA })).total).toBeNull();
    expect(collector.health.overflow).toBe(8);
  });

  test('gives lists of functions their numbers, and zeros to those that were not called', async () => {
    const { collector, clock } = collect();
    for (let i = 0; i < 90; i++) {
      collector.record(invocation({ at: clock.now(), totalMs: 5, start: i === 0 ? 'pre-warmed' : 'warm' }));
      await clock.advanceAsync(10_000);
    }
    const stats = await collector.functionStats([functionA, functionB], hourMs);
    expect(stats.get(functionA)).toMatchObject({ windowMs: hourMs, invocations: 90, errors: 0, coldStarts: 1 });
    expect(stats.get(functionA)?.p95Ms).toBeCloseTo(5, 0);
    expect(stats.get(functionA)?.sparkline.reduce((sum, count) => sum + count, 0)).toBe(90);
    expect(stats.get(functionB)).toMatchObject({ invocations: 0, p50Ms: null, p95Ms: null });
    expect(stats.get(functionB)?.sparkline).toHaveLength(30);
  });

  test('ticks once a second while someone listens, and a listener that throws harms nobody', async () => {
    const { collector, clock } = collect();
    const ticks: unknown[] = [];
    const unsubscribeBroken = collector.subscribe(() => {
      throw new Error('broken');
    });
    const unsubscribe = collector.subscribe((tick) =>
      ticks.push([Date.parse(tick.at) - startAt, tick.stepMs, tick.total?.invocations ?? 0, tick.functions]),
    );
    collector.record(invocation({ at: clock.now(), totalMs: 4 }));
    await clock.advanceAsync(2_500);
    unsubscribe();
    unsubscribeBroken();
    await clock.advanceAsync(2_000);
    expect(ticks).toEqual([
      [0, 1_000, 1, { a: { invocations: 1, errors: 0, p95Ms: 4 } }],
      [1_000, 1_000, 0, {}],
    ]);
  });

  test('refuses a version without its function and a range that is none', async () => {
    const { collector } = collect();
    const query = { functionId: undefined, version: 1, from: 0, to: 1, stepMs: undefined };
    await expect(collector.series(query)).rejects.toMatchObject({ code: 'version_without_function' });
    await expect(collector.series({ ...query, version: undefined, to: 0 })).rejects.toMatchObject({
      code: 'bad_range',
    });
  });

  test('leaves out a damaged point and says so', async () => {
    const { collector, clock, points, warnings } = collect();
    collector.record(invocation({ at: clock.now() }));
    await clock.advanceAsync(20_000);
    await points.put([{ functionId: functionA, version: 9, stepMs: 10_000, at: startAt, data: Buffer.from('junk') }]);
    const query = { functionId: functionA, version: undefined, from: startAt, to: startAt + 10_000, stepMs: 10_000 };
    expect((await collector.series(query)).total?.invocations).toBe(1);
    expect(warnings()).toContainEqual(expect.stringContaining('damaged'));
  });

  test('reports while it stores: nothing is missing or doubled in between', async () => {
    const { collector, clock, points } = collect();
    await clock.advanceAsync(15_000);
    collector.record(invocation({ at: clock.now() }));
    await clock.advanceAsync(4_000);
    let open = () => {};
    points.faults.gate = new Promise((resolve) => {
      open = resolve;
    });
    await clock.advanceAsync(6_000);
    const query = { functionId: functionA, version: undefined, from: startAt, to: startAt + 40_000, stepMs: 10_000 };
    const asked = collector.series(query);
    await settle();
    collector.record(invocation({ at: clock.now() }));
    await clock.advanceAsync(1_000);
    open();
    expect((await asked).total?.invocations).toBe(1);
    await settle();
    expect((await collector.series(query)).total?.invocations).toBe(2);
  });

  test('leaves no timer behind', async () => {
    const { collector, clock } = collect();
    await clock.advanceAsync(5_000);
    await collector.close();
    expect(clock.pendingTimers).toBe(0);
    collector.record(invocation({ at: clock.now() }));
    onTestFinished(() => expect(clock.pendingTimers).toBe(0));
  });
});

async function sumOf(points: MemoryMetricPoints, stepMs: number) {
  const { Measurement } = await import('../aggregator/measurement.ts');
  const sum = new Measurement();
  for (const point of points.all(stepMs)) if (point.functionId !== '*') sum.merge(Measurement.decode(point.data));
  return sum;
}
