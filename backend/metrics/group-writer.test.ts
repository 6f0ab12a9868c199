import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PlatformError } from '../../shared/errors.ts';
import { ManualClock, settle } from '../../tests/fakes/manual-clock.ts';
import { Faults } from '../../tests/fakes/memory-stores.ts';
import { recordingLogger } from '../../tests/support/metrics-fixture.ts';
import { GroupWriter, type GroupWriterOptions } from './group-writer.ts';

function writerOf(options: Partial<GroupWriterOptions<number>> = {}) {
  const clock = new ManualClock();
  const { logger, messages } = recordingLogger();
  const faults = new Faults();
  const batches: number[][] = [];
  const dropped: number[] = [];
  const writer = new GroupWriter<number>({
    name: 'numbers',
    clock,
    logger,
    write: async (batch) => {
      await faults.pass();
      batches.push([...batch]);
    },
    costOf: () => 1,
    maxCost: 1_000,
    maxItems: 1_000,
    maxBatch: 5,
    intervalMs: 100,
    onDropped: (item) => dropped.push(item),
    ...options,
  });
  const pushAll = (...items: number[]) => {
    for (const item of items) writer.push(item);
  };
  return { writer, clock, faults, batches, dropped, messages, pushAll };
}

describe('GroupWriter', () => {
  test('writes what came within the interval together, and a full batch at once', async () => {
    const { clock, batches, pushAll } = writerOf();
    pushAll(1, 2);
    await clock.advanceAsync(99);
    expect(batches).toEqual([]);
    await clock.advanceAsync(1);
    pushAll(3, 4, 5, 6, 7, 8);
    await clock.advanceAsync(0);
    expect(batches).toEqual([
      [1, 2],
      [3, 4, 5, 6, 7],
    ]);
    await clock.advanceAsync(100);
    expect(batches.at(-1)).toEqual([8]);
    expect(clock.pendingTimers).toBe(0);
  });

  test('writes a batch at once when its items cost so much, and no more in it than that', async () => {
    const { clock, batches, pushAll } = writerOf({ costOf: (item) => item, maxBatchCost: 10 });
    pushAll(3, 3);
    await clock.advanceAsync(0);
    expect(batches).toEqual([]);
    pushAll(4, 2, 25, 1, 1);
    await clock.advanceAsync(0);
    expect(batches).toEqual([
      [3, 3, 4],
      [2, 25],
    ]);
    await clock.advanceAsync(100);
    expect(batches.at(-1)).toEqual([1, 1]);
    expect(clock.pendingTimers).toBe(0);
  });

  test('shows what is not written, also while it is being written', async () => {
    const { writer, faults, clock, pushAll } = writerOf();
    let open = () => {};
    faults.gate = new Promise((resolve) => {
      open = resolve;
    });
    pushAll(1, 2, 3, 4, 5, 6);
    await clock.advanceAsync(0);
    expect([...writer.unwritten()]).toEqual([1, 2, 3, 4, 5, 6]);
    open();
    await settle();
    expect([...writer.unwritten()]).toEqual([6]);
    await writer.close();
  });

  test('tries again with back-off and loses nothing', async () => {
    const { writer, clock, faults, batches, pushAll } = writerOf();
    faults.failures = 3;
    pushAll(1, 2);
    await clock.advanceAsync(100 + 100 + 200 + 399);
    expect([batches, writer.failures]).toEqual([[], 3]);
    pushAll(3);
    await clock.advanceAsync(1);
    expect(batches).toEqual([[1, 2]]);
    await clock.advanceAsync(100);
    expect([batches.at(-1), writer.dropped]).toEqual([[3], 0]);
  });

  test('drops the oldest over the bound, but not what is being written', async () => {
    const { writer, clock, faults, batches, dropped, pushAll } = writerOf({ maxItems: 3 });
    faults.failures = 1;
    pushAll(1, 2);
    await clock.advanceAsync(100);
    pushAll(3, 4, 5, 6, 7);
    expect([dropped, writer.dropped]).toEqual([[3, 4], 2]);
    await clock.advanceAsync(300);
    expect(batches).toEqual([
      [1, 2],
      [5, 6, 7],
    ]);
  });

  test('bounds the cost, and keeps an item that costs more than everything', () => {
    const { writer, dropped, pushAll } = writerOf({ costOf: (item) => item, maxCost: 10 });
    pushAll(4, 5, 6, 50);
    expect([dropped, [...writer.unwritten()]]).toEqual([[4, 5, 6], [50]]);
  });

  test('finds the one item that the store refuses', async () => {
    const written: number[] = [];
    const write = async (batch: readonly number[]) => {
      if (batch.includes(3)) throw new Error('constraint');
      written.push(...batch);
    };
    const { writer, dropped, messages, pushAll } = writerOf({ write, maxBatch: 8 });
    pushAll(1, 2, 3, 4, 5, 6);
    await writer.flush();
    expect([written, dropped]).toEqual([[1, 2, 4, 5, 6], [3]]);
    expect(messages).toEqual(['the store refuses one of the numbers; it is dropped']);
  });

  test('ends a flush when the store fails, and goes on by itself', async () => {
    const { writer, clock, faults, batches, pushAll } = writerOf();
    faults.failures = 1;
    pushAll(1);
    await writer.flush();
    expect(batches).toEqual([]);
    await clock.advanceAsync(100);
    expect(batches).toEqual([[1]]);
  });

  test('closes with everything written and no timer left, also when the store fails', async () => {
    for (const failures of [0, Number.POSITIVE_INFINITY]) {
      const { writer, clock, faults, batches, pushAll } = writerOf();
      faults.failures = failures;
      pushAll(1, 2, 3, 4, 5, 6, 7);
      await writer.close();
      expect(batches.flat()).toEqual(failures === 0 ? [1, 2, 3, 4, 5, 6, 7] : []);
      expect(clock.pendingTimers).toBe(0);
    }
  });

  test('writes or drops every item exactly once, in order, whatever fails', async () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('push' as const), count: fc.integer({ min: 1, max: 12 }) }),
      fc.record({ kind: fc.constant('fail' as const), count: fc.integer({ min: 1, max: 3 }) }),
      fc.record({ kind: fc.constant('refuse' as const), count: fc.integer({ min: 1, max: 2 }) }),
      fc.record({ kind: fc.constant('wait' as const), count: fc.integer({ min: 0, max: 300 }) }),
      fc.record({ kind: fc.constant('flush' as const), count: fc.constant(0) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const { writer, clock, faults, batches, dropped, pushAll } = writerOf({ maxItems: 20 });
        let next = 0;
        for (const { kind, count } of steps) {
          if (kind === 'push') for (let i = 0; i < count; i++) pushAll(next++);
          else if (kind === 'wait') await clock.advanceAsync(count);
          else if (kind === 'flush') await writer.flush();
          else {
            faults.failures = count;
            faults.error = () => (kind === 'fail' ? new PlatformError('unavailable', 'x', 'x') : new Error('x'));
          }
        }
        faults.failures = 0;
        await writer.close();
        const written = batches.flat();
        expect(written).toEqual(written.toSorted((a, b) => a - b));
        expect([...written, ...dropped].toSorted((a, b) => a - b)).toEqual(Array.from({ length: next }, (_, i) => i));
        expect([writer.dropped, clock.pendingTimers]).toEqual([dropped.length, 0]);
      }),
      { numRuns: 150 },
    );
  });
});
