import { describe, expect, test } from 'vitest';
import type { FunctionId, InvocationId } from '../../../shared/ids.ts';
import { ManualClock } from '../../../tests/fakes/manual-clock.ts';
import { MemoryInvocations } from '../../../tests/fakes/memory-stores.ts';
import { recordingLogger } from '../../../tests/support/metrics-fixture.ts';
import type { InvocationRecord } from '../../core/ports/store.ts';
import { GroupedJournal, type GroupedJournalOptions } from './grouped-journal.ts';

function record(id: string, attempts = 1): InvocationRecord {
  return {
    id: id as InvocationId,
    functionId: 'fn_a' as FunctionId,
    functionName: 'a',
    version: 1,
    qualifier: 'live',
    trigger: 'http',
    status: 'success',
    start: 'warm',
    attempts,
    createdAt: 0,
    startedAt: 0,
    finishedAt: 1,
    httpStatus: 200,
    timing: undefined,
    usage: undefined,
    error: undefined,
    instanceId: undefined,
    traceparent: undefined,
    nextAttemptAt: undefined,
    replayOf: undefined,
  };
}

function journalOf(options: Partial<GroupedJournalOptions> = {}) {
  const clock = new ManualClock();
  const invocations = new MemoryInvocations();
  const journal = new GroupedJournal({ store: { invocations }, clock, logger: recordingLogger().logger, ...options });
  return { journal, clock, invocations };
}

describe('GroupedJournal', () => {
  test('gives a record back before it is written, and leaves it to the store afterwards', async () => {
    const { journal, clock, invocations } = journalOf();
    journal.append(record('inv_1'), { payload: Buffer.from('{}'), result: undefined });
    expect(journal.pending('inv_1')).toMatchObject({ id: 'inv_1', payload: Buffer.from('{}') });
    expect(journal.pending('inv_2')).toBeUndefined();
    await clock.advanceAsync(50);
    expect(invocations.records.has('inv_1')).toBe(true);
    expect([journal.pending('inv_1'), journal.pendingCount]).toEqual([undefined, 0]);
  });

  test('writes a thousand records in two transactions', async () => {
    const { journal, invocations } = journalOf();
    for (let i = 0; i < 1_000; i++) journal.append(record(`inv_${i}`), undefined);
    await journal.flush();
    expect(invocations.batches).toEqual([500, 500]);
  });

  test('is bounded in number and bytes, and counts what it dropped', async () => {
    const few = journalOf({ maxPending: 2 });
    few.invocations.faults.failures = Number.POSITIVE_INFINITY;
    for (let i = 0; i < 5; i++) few.journal.append(record(`inv_${i}`), undefined);
    expect([few.journal.dropped, few.journal.pendingCount, few.journal.pending('inv_0')]).toEqual([3, 2, undefined]);

    const small = journalOf({ maxPendingBytes: 11_000 });
    for (let i = 0; i < 5; i++)
      small.journal.append(record(`inv_${i}`), { payload: Buffer.alloc(4_000), result: undefined });
    expect([small.journal.dropped, small.journal.pendingCount]).toEqual([3, 2]);
  });

  test('keeps the later of two records with one id within reach until both are written', async () => {
    const { journal } = journalOf();
    journal.append(record('inv_1', 1), undefined);
    journal.append(record('inv_1', 2), undefined);
    expect(journal.pending('inv_1')?.attempts).toBe(2);
    await journal.close();
    expect(journal.pendingCount).toBe(0);
  });

  test('closes with everything written and no timer left', async () => {
    const { journal, clock, invocations } = journalOf();
    invocations.faults.failures = 1;
    journal.append(record('inv_1'), undefined);
    await clock.advanceAsync(60);
    expect(journal.storeFailures).toBe(1);
    await journal.close();
    expect([invocations.records.size, clock.pendingTimers]).toEqual([1, 0]);
  });
});
