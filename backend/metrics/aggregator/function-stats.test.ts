import { describe, expect, test } from 'vitest';
import { hourMs, minuteMs } from '../../../shared/durations.ts';
import { MemoryMetricPoints } from '../../../tests/fakes/memory-stores.ts';
import {
  collect,
  functionA,
  functionB,
  invocation,
  startAt,
  versionA1,
  versionA2,
  versionB1,
} from '../../../tests/support/metrics-fixture.ts';
import { startOfStep } from './steps.ts';

class CountedPoints extends MemoryMetricPoints {
  rows = 0;
  override async query(filter: Parameters<MemoryMetricPoints['query']>[0]) {
    const found = await super.query(filter);
    if (filter.functionIds?.includes(functionA)) this.rows += found.length;
    return found;
  }
}

type Collected = ReturnType<typeof collect>;
const ids = [functionA, functionB];

/** What a chart of the same hour says, which reads and merges every point. */
async function plain({ collector, clock }: Collected, functionId: typeof functionA) {
  const to = startOfStep(clock.now(), minuteMs) + minuteMs;
  const from = startOfStep(clock.now() - hourMs, minuteMs) + minuteMs;
  const query = { functionId, version: undefined, from, to, stepMs: minuteMs };
  const { total, points } = await collector.series(query);
  const sparkline = new Array<number>(30).fill(0);
  for (const { at, invocations } of points) {
    const index = Math.floor((Date.parse(at) - from) / (2 * minuteMs));
    sparkline[index] = (sparkline[index] ?? 0) + invocations;
  }
  return {
    windowMs: hourMs,
    invocations: total?.invocations ?? 0,
    errors: total?.errors ?? 0,
    p50Ms: total?.totalMs?.p50 ?? null,
    p95Ms: total?.totalMs?.p95 ?? null,
    coldStarts: total?.coldStarts ?? 0,
    peakMemoryBytes: total?.peakMemoryBytes ?? 0,
    sparkline,
  };
}

async function expectPlain(collected: Collected) {
  const stats = await collected.collector.functionStats(ids, hourMs);
  for (const id of ids) expect(stats.get(id)).toEqual(await plain(collected, id));
  return stats;
}

/** The same numbers in every run. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
}

function call({ collector, clock }: Collected, random: () => number) {
  const version = [versionA1, versionA2, versionB1][Math.floor(random() * 3)] ?? versionA1;
  collector.record(
    invocation({
      at: clock.now(),
      version,
      totalMs: random() < 0.05 ? 0 : 10 ** (random() * 6 - 2),
      start: random() < 0.1 ? 'cold' : 'warm',
      httpStatus: random() < 0.1 ? 503 : 200,
      peakMemoryBytes: Math.floor(random() * 2 ** 30),
    }),
  );
}

describe('numbers of lists of functions', () => {
  test('are those of a chart of the same hour at every moment, with calls in between and pauses', async () => {
    const collected = collect();
    const random = numbers(7);
    for (let round = 0; round < 120; round++) {
      for (let calls = Math.floor(random() * 6); calls > 0; calls--) call(collected, random);
      await expectPlain(collected);
      await collected.clock.advanceAsync(random() < 0.1 ? 7 * minuteMs : Math.floor(random() * 25_000));
    }
    expect((await expectPlain(collected)).get(functionA)?.invocations).toBeGreaterThan(0);
  });

  test('are those of a chart after the clock was set back into what was rolled up already', async () => {
    const collected = collect();
    const random = numbers(11);
    const run = async (isWatched: boolean) => {
      for (let round = 0; round < 40; round++) {
        call(collected, random);
        if (isWatched) await expectPlain(collected);
        await collected.clock.advanceAsync(7_000);
      }
    };
    await run(true);
    for (const [back, isWatched] of [
      [30_000, true],
      [150_000, false],
      [120_000, true],
      [5_000, false],
    ] as const) {
      collected.clock.jumpTo(startAt + back);
      await run(isWatched);
      await collected.clock.advanceAsync(5 * minuteMs);
      await expectPlain(collected);
    }
  });

  test('are those that an earlier process stored, too', async () => {
    const points = new MemoryMetricPoints();
    const first = collect({ points });
    const random = numbers(3);
    for (let round = 0; round < 30; round++) {
      call(first, random);
      await first.clock.advanceAsync(13_000);
    }
    await first.collector.close();
    const second = collect({ points, now: first.clock.now() });
    await expectPlain(second);
    for (let round = 0; round < 20; round++) {
      call(second, random);
      await second.clock.advanceAsync(9_000);
      await expectPlain(second);
    }
  });

  test('cost an hour of points once, and then those that have come since', async () => {
    const points = new CountedPoints();
    const collected = collect({ points });
    const { collector, clock } = collected;
    for (let second = 0; second < 3600; second += 5) {
      collector.record(invocation({ at: clock.now(), totalMs: 5 }));
      await clock.advanceAsync(5_000);
    }
    points.rows = 0;
    await collector.functionStats(ids, hourMs);
    expect(points.rows).toBeGreaterThanOrEqual(59);
    points.rows = 0;
    for (let round = 0; round < 12; round++) {
      await clock.advanceAsync(10_000);
      collector.record(invocation({ at: clock.now(), totalMs: 5 }));
      await collector.functionStats(ids, hourMs);
    }
    // Two minutes of slots, the slot that is going on each time, and the minutes that were rolled up: not 12 hours.
    expect(points.rows).toBeLessThanOrEqual(12 * 3 + 2);
    await expectPlain(collected);
  });
});
