import { describe, expect, test } from 'vitest';
import { functionA, functionB, invocation } from '../../../tests/support/metrics-fixture.ts';
import type { MetricPointRecord } from '../../core/ports/store.ts';
import { ByteWriter } from '../../util/byte-codec.ts';
import { KeptPoints, type KeptPointsOptions, type PointRange } from './kept-points.ts';
import { Measurement } from './measurement.ts';

function encoded(measurement: Measurement): Buffer {
  const writer = new ByteWriter();
  measurement.encode(writer);
  return writer.copy();
}

/** Points at 0, 10, 20 …, each with one call of as many ms; what is asked for is noted. */
function stored(over: Partial<KeptPointsOptions> = {}) {
  const reads: string[] = [];
  let version = 0;
  const gates: Promise<void>[] = [];
  const read = async (ids: readonly string[], from: number, to: number): Promise<readonly MetricPointRecord[]> => {
    reads.push(`${ids.join(' ')} ${from}-${to}`);
    const points: MetricPointRecord[] = [];
    for (let at = Math.ceil(from / 10) * 10; at < to; at += 10) {
      for (const id of ids) {
        const measurement = new Measurement();
        measurement.addInvocation(invocation({ at, totalMs: at + version }).report);
        points.push({ functionId: id as typeof functionA, version: 1, stepMs: 10, at, data: encoded(measurement) });
      }
    }
    await gates.shift();
    return points;
  };
  const damaged: number[] = [];
  const onDamaged = ({ at }: MetricPointRecord) => void damaged.push(at);
  const kept = new KeptPoints({ read, onDamaged, maxBytes: 1_000_000, keepMs: 1_000, ...over });
  const p95 = async (ids: readonly (typeof functionA)[], range: PointRange) => {
    const sums = await kept.sums(ids, range);
    return ids.map((id) => {
      const { invocations, p95Ms } = sums.get(id)?.toStats(0) ?? {};
      return [invocations, Math.round(p95Ms ?? -1)];
    });
  };
  const change = () => {
    version = 1_000;
  };
  return { kept, reads, p95, gates, change, damaged };
}

function range(from: number, until: number, now = 0): PointRange {
  return { from, until, window: { from, to: from + 100 }, now };
}

describe('KeptPoints', () => {
  test('reads what is new, and leaves out what has become too old', async () => {
    const { p95, reads } = stored();
    expect(await p95([functionA], range(0, 50))).toEqual([[5, 40]]);
    expect(await p95([functionA], range(0, 50))).toEqual([[5, 40]]);
    expect(await p95([functionA], range(20, 50))).toEqual([[3, 40]]);
    expect(await p95([functionA], range(20, 70))).toEqual([[5, 60]]);
    expect(await p95([functionA, functionB], range(30, 80))).toEqual(Array(2).fill([5, 70]));
    expect(reads).toEqual(['fn_a 0-50', 'fn_a 50-70', 'fn_b 30-80', 'fn_a 70-80']);
  });

  test('counts nothing twice when one function was read further than another', async () => {
    const { p95, reads } = stored();
    await p95([functionA], range(0, 50));
    await p95([functionB], range(0, 70));
    expect(await p95([functionA, functionB], range(0, 90))).toEqual(Array(2).fill([9, 80]));
    expect(reads).toEqual(['fn_a 0-50', 'fn_b 0-70', 'fn_a fn_b 50-90']);
  });

  test('reads again what ends earlier or begins earlier than what it kept', async () => {
    const { p95, reads } = stored();
    await p95([functionA], range(20, 70));
    expect(await p95([functionA], range(20, 50))).toEqual([[3, 40]]);
    expect(await p95([functionA], range(20, 70))).toEqual([[5, 60]]);
    expect(await p95([functionA], range(0, 70))).toEqual([[7, 60]]);
    expect(reads).toEqual(['fn_a 20-70', 'fn_a 50-70', 'fn_a 0-70']);
  });

  test('forgets what is stored again, also while it is being read', async () => {
    const { kept, p95, gates, change } = stored();
    await p95([functionA], range(0, 50));
    change();
    kept.forgetFrom(50);
    expect(await p95([functionA], range(0, 50))).toEqual([[5, 40]]);
    kept.forgetFrom(40);
    expect(await p95([functionA], range(0, 50))).toEqual([[5, 1_040]]);

    const other = stored();
    const gate = Promise.withResolvers<void>();
    other.gates.push(gate.promise);
    const before = other.p95([functionA], range(0, 50));
    await Promise.resolve();
    other.change();
    other.kept.forgetFrom(40);
    gate.resolve();
    expect(await before).toEqual([[5, 40]]);
    expect(await other.p95([functionA], range(0, 50))).toEqual([[5, 1_040]]);
    expect(gates).toEqual([]);
  });

  test('reads for requests that come together once', async () => {
    const { p95, reads } = stored();
    await Promise.all([1, 2, 3].map(() => p95([functionA, functionB], range(0, 50))));
    expect(reads).toEqual(['fn_a fn_b 0-50']);
  });

  test('stays below its bound, and is right beyond it', async () => {
    const { kept, p95, reads } = stored({ maxBytes: 2_500 });
    for (let round = 0; round < 3; round++) {
      expect(await p95([functionA, functionB], range(0, 50))).toEqual(Array(2).fill([5, 40]));
      expect(kept.usedBytes).toBeLessThanOrEqual(2_500);
    }
    expect(kept.usedBytes).toBeGreaterThan(0);
    expect(reads.length).toBeGreaterThan(1);
  });

  test('gives its memory back when nobody asks any more', async () => {
    const { kept, p95 } = stored();
    await p95([functionA], range(0, 50, 1));
    await p95([functionB], range(0, 50, 900));
    const both = kept.usedBytes;
    kept.forgetUnused(1_500);
    expect(kept.usedBytes).toBe(both / 2);
    kept.forgetUnused(2_000);
    expect(kept.usedBytes).toBe(0);
  });

  test('leaves out what is damaged, and says so', async () => {
    const whole = encoded(Object.assign(new Measurement(), { invocations: 3 }));
    const point = { functionId: functionA, version: 1, stepMs: 10 };
    const read = async () => [
      { ...point, at: 10, data: whole },
      { ...point, at: 20, data: whole.subarray(0, 9) },
      { ...point, at: 30, data: Buffer.from([99]) },
      { ...point, at: 40, data: whole },
    ];
    const { p95, damaged } = stored({ read });
    expect(await p95([functionA], range(0, 50))).toEqual([[6, -1]]);
    expect(damaged).toEqual([20, 30]);
  });

  test('fails with the store, and asks it again', async () => {
    let fails = true;
    const read = async () => {
      if (fails) throw new Error('full');
      return [];
    };
    const kept = new KeptPoints({ read, onDamaged: () => undefined, maxBytes: 1_000, keepMs: 1 });
    await expect(kept.sums([functionA], range(0, 50))).rejects.toThrow('full');
    fails = false;
    expect((await kept.sums([functionA], range(0, 50))).size).toBe(1);
  });
});
