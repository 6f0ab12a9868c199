import { expect, test } from 'vitest';
import type { InstanceId } from '../../../shared/ids.ts';
import { quietHost, versionA1 } from '../../../tests/support/metrics-fixture.ts';
import type { InstanceState, InstanceView } from '../../core/ports/instance-pool.ts';
import { readGauges } from './gauges.ts';

function instance(state: InstanceState, memoryBytes: number): InstanceView {
  const usage = { cpuMs: 0, memoryBytes, peakMemoryBytes: memoryBytes, pids: 1 };
  return { id: 'ins_1' as InstanceId, state, inFlight: 0, start: 'cold', createdAt: 0, invocations: 0, usage };
}

const keepAlive = {
  basis: 'fixed',
  preWarmMs: 0,
  keepAliveMs: 1,
  reason: '',
  samples: 0,
  quietMs: 0,
  coldStartsAvoided: 0,
  idleMbHours: 0,
} as const;
const scaling = { target: 0, boots: 0, mode: 'zero', reason: '', isDeferring: false } as const;

test('counts instances by state, pre-warmed sandboxes and what waits', () => {
  const pool = {
    pools: [
      {
        version: versionA1,
        waiting: 0,
        keepAlive,
        scaling,
        pausedCopies: { count: 2, memoryMb: 90 },
        instances: [instance('idle', 10), instance('busy', 20), instance('dead', 0)],
      },
      {
        version: versionA1,
        waiting: 0,
        keepAlive,
        scaling,
        pausedCopies: { count: 1, memoryMb: 50 },
        instances: [instance('idle', 30)],
      },
    ],
    preWarmed: [
      { runtime: 'nodejs', isolation: 'process', count: 2 },
      { runtime: 'python', isolation: 'process', count: 1 },
    ],
  };
  const gauges = readGauges(
    {
      pool: () => pool,
      scheduler: () => ({
        inFlight: 4,
        places: 9,
        reserved: 2,
        queued: 5,
        asyncDepth: 6,
        asyncOldestMs: 600,
        recordsLeftOut: 0,
      }),
      host: () => quietHost,
    },
    0,
  );
  expect(gauges).toMatchObject({
    at: '1970-01-01T00:00:00.000Z',
    instances: { starting: 0, idle: 2, busy: 1, paused: 3, draining: 0, preWarmed: 3 },
    inFlight: 4,
    queued: 5,
    asyncDepth: 6,
    asyncOldestMs: 600,
  });
  expect(gauges.host).toEqual({ ...quietHost, sandboxMemoryBytes: 60 });
});

test('is all zeros while pool and scheduler are not there', () => {
  const gauges = readGauges({ pool: () => undefined, scheduler: () => undefined, host: () => quietHost }, 0);
  expect([gauges.inFlight, gauges.instances.busy, gauges.host.sandboxMemoryBytes]).toEqual([0, 0, 0]);
});
