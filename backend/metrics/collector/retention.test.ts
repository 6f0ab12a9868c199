import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../../tests/fakes/manual-clock.ts';
import { MemoryLogs } from '../../../tests/fakes/memory-stores.ts';
import { recordingLogger } from '../../../tests/support/metrics-fixture.ts';
import { Retention, type RetentionTarget, storeRetentionTargets } from './retention.ts';

function retentionOf(...targets: RetentionTarget[]) {
  const clock = new ManualClock(1_000_000);
  const { logger, messages } = recordingLogger();
  const retention = new Retention({ targets, clock, logger, intervalMs: 1_000, pauseMs: 10, random: () => 0.5 });
  return { retention, clock, messages };
}
function target(name: string, counts: number[], calls: string[] = []): RetentionTarget {
  return {
    name,
    prune: async (now) => {
      calls.push(`${name}@${now - 1_000_000}`);
      return counts.shift() ?? 0;
    },
  };
}

describe('Retention', () => {
  test('deletes in steps with pauses until nothing is left, every interval', async () => {
    const calls: string[] = [];
    const { retention, clock } = retentionOf(target('a', [5, 5], calls), target('b', [], calls));
    retention.start();
    await clock.advanceAsync(1_100);
    expect(calls).toEqual(['a@1000', 'a@1010', 'a@1020', 'b@1020']);
    await clock.advanceAsync(1_000);
    expect(calls.slice(4)).toEqual(['a@2020', 'b@2020']);
    await retention.close();
    expect(clock.pendingTimers).toBe(0);
  });

  test('goes on with the others when one fails, and tries it again in the next round', async () => {
    const calls: string[] = [];
    let failures = 1;
    const broken: RetentionTarget = {
      name: 'broken',
      prune: async () => {
        if (failures-- > 0) throw new Error('disk');
        calls.push('mended');
        return 0;
      },
    };
    const { retention, clock, messages } = retentionOf(broken, target('b', [], calls));
    retention.start();
    await clock.advanceAsync(1_000);
    expect([calls, messages.length]).toEqual([['b@1000'], 1]);
    await clock.advanceAsync(1_000);
    expect(calls).toContain('mended');
    await retention.close();
  });

  test('ends between two steps when it is closed', async () => {
    const calls: string[] = [];
    const { retention, clock } = retentionOf(target('endless', new Array(100).fill(1), calls), target('b', [], calls));
    const round = retention.runOnce();
    await clock.advanceAsync(25);
    await retention.close();
    await round;
    expect(calls).toEqual(['endless@0', 'endless@10', 'endless@20']);
    expect(clock.pendingTimers).toBe(0);
  });

  test('joins a round that is running', async () => {
    const calls: string[] = [];
    const { retention } = retentionOf(target('a', [], calls));
    await Promise.all([retention.runOnce(), retention.runOnce()]);
    expect(calls).toHaveLength(1);
    await retention.close();
  });

  test('keeps invocations, groups of errors and log lines for their own time', async () => {
    const before: [string, number][] = [];
    const prune = (name: string) => async (at: number) => {
      before.push([name, at]);
      return 0;
    };
    const store = {
      invocations: { prune: prune('invocations') },
      errorGroups: { prune: prune('error groups') },
      egressRefusals: { prune: prune('refused attempts') },
      canaryAborts: { prune: prune('canaries') },
      builds: { prune: prune('builds') },
      logs: Object.assign(new MemoryLogs(), { prune: prune('logs') }),
    };
    const keep = { keepInvocationsMs: 700, keepLogsMs: 300, keepErrorGroupsMs: 100 };
    const targets = storeRetentionTargets({ store: store as never, ...keep });
    for (const { prune: run } of targets) await run(1_000);
    expect(before).toEqual([
      ['invocations', 300],
      ['error groups', 900],
      ['refused attempts', 900],
      ['canaries', 900],
      ['builds', 900],
      ['logs', 700],
    ]);
  });
});
