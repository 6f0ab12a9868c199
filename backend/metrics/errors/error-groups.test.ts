import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../../tests/fakes/manual-clock.ts';
import { invocation, recordingLogger, startAt, versionA1, versionA2 } from '../../../tests/support/metrics-fixture.ts';
import type { ErrorOccurrences } from '../../core/ports/error-groups.ts';
import { ErrorGroups } from './error-groups.ts';

function rig() {
  const clock = new ManualClock();
  const written: ErrorOccurrences[][] = [];
  let failures = 0;
  const store = {
    errorGroups: {
      add: async (batch: readonly ErrorOccurrences[]) => {
        if (failures-- > 0) throw new Error('the disk is full');
        written.push([...batch]);
      },
    },
  };
  const groups = new ErrorGroups({ store, clock, logger: recordingLogger().logger });
  const fail = (message: string, version = versionA1, at = startAt) =>
    groups.record(
      invocation({
        at,
        version,
        outcome: { kind: 'function-error', type: 'Error', message, stack: 'Error\n    at handler (index.ts:1:1)' },
      }),
    );
  return { clock, groups, written, fail, failNext: (count: number) => (failures = count) };
}

describe('ErrorGroups', () => {
  it('adds up a second of failures, per group and version', async () => {
    const { clock, written, fail } = rig();
    fail('order 1');
    fail('order 2', versionA2, startAt + 5);
    fail('order 3', versionA2, startAt + 9);
    fail('something else');
    await clock.advanceAsync(1_000);
    expect(written).toHaveLength(1);
    expect(written[0]).toMatchObject([
      {
        message: 'order 3',
        frame: 'handler (index.ts)',
        count: 3,
        firstSeenAt: startAt,
        lastSeenAt: startAt + 9,
        firstVersion: 1,
        lastVersion: 2,
        tallies: [
          { version: 1, hourAt: startAt, count: 1 },
          { version: 2, hourAt: startAt, count: 2 },
        ],
      },
      { message: 'something else', count: 1 },
    ]);
  });

  it('takes faults of functions, and nothing that is not theirs', async () => {
    const { groups, written } = rig();
    groups.record(invocation({ at: startAt, outcome: { kind: 'success' } }));
    groups.record(invocation({ at: startAt, outcome: { kind: 'cancelled', message: '' } }));
    groups.record(
      invocation({
        at: startAt,
        outcome: { kind: 'platform-fault', fault: 'capacity', message: 'full', retryable: true },
      }),
    );
    groups.record(
      invocation({ at: startAt, outcome: { kind: 'function-fault', fault: 'timeout', message: 'after 30 s' } }),
    );
    await groups.close();
    expect(written.flat().map((group) => [group.type, group.frame])).toEqual([['timeout', '']]);
  });

  it('loses nothing when the store is not there for a while', async () => {
    const { clock, groups, written, fail, failNext } = rig();
    failNext(2);
    fail('order 1');
    await clock.advanceAsync(1_000);
    fail('order 2');
    await clock.advanceAsync(1_000);
    await clock.advanceAsync(1_000);
    expect(written.flat()).toMatchObject([{ count: 2 }]);
    expect([groups.storeFailures, groups.dropped]).toEqual([2, 0]);
  });

  it('counts in one group what makes up a new message for every call', async () => {
    const { clock, written, fail } = rig();
    const letters = 'abcdefghijklmnopqrstuvwxyz';
    for (const a of letters) for (const b of letters) fail(`never twice ${a}${b}`);
    await clock.advanceAsync(1_000);
    const groups = written.flat();
    expect(groups).toHaveLength(101);
    expect(groups.find((group) => group.type === 'many-different-errors')?.count).toBe(26 * 26 - 100);
  });
});
