import { expect, it } from 'vitest';
import type { IsolationLevel, VersionConfig } from '../../shared/version-config.ts';
import {
  type InvocationFacts,
  invocation,
  startAt,
  versionA1,
  versionB1,
} from '../../tests/support/metrics-fixture.ts';
import type { VersionSpec } from '../core/version.ts';
import { LevelCostRecorder } from './level-costs.ts';

const at = (version: VersionSpec, isolation: IsolationLevel): VersionSpec => ({
  ...version,
  config: { isolation } as VersionConfig,
});
const inProcess = at(versionA1, 'process');
const inDocker = at(versionB1, 'docker');

function recorded(calls: readonly Omit<InvocationFacts, 'at'>[]): LevelCostRecorder {
  const costs = new LevelCostRecorder();
  for (const facts of calls) costs.record(invocation({ at: startAt, ...facts }));
  return costs;
}

it('tells levels apart, and boots from sandboxes that waited', () => {
  const costs = recorded([
    { version: inProcess, start: 'cold' },
    { version: inProcess, start: 'pre-warmed' },
    { version: inProcess, start: 'restored' },
    { version: inProcess, start: 'provisioned' },
    { version: inDocker, start: 'warm', totalMs: 9 },
    { version: inDocker, start: 'warm', totalMs: 3 },
  ]);
  const { booted, waiting, warmCalls, quickestWarmMs } = costs.of('process') ?? {};
  expect([booted?.count, waiting?.count, warmCalls, quickestWarmMs]).toEqual([1, 2, 0, undefined]);
  // The phases of the fixture, 20, 5 and 10 ms, to one per cent.
  expect(booted?.p50Ms).toBeGreaterThan(34.6);
  expect(booted?.p95Ms).toBeLessThan(35.4);
  expect(costs.of('docker')).toEqual({
    booted: undefined,
    waiting: undefined,
    warmCalls: 2,
    quickestWarmMs: 2.5,
    idleMemoryBytes: undefined,
  });
  expect(costs.of('qemu')).toBeUndefined();
});

it('learns nothing from calls that failed', () => {
  const outcome = { kind: 'function-error', type: 'Error', message: 'no', stack: '' } as const;
  expect(recorded([{ version: inProcess, start: 'cold', outcome }]).of('process')).toBeUndefined();
});

it('takes what was measured on purpose like what calls have cost', () => {
  const costs = recorded([{ version: inDocker, start: 'warm', totalMs: 9 }]);
  costs.addWarmCall('docker', 1.5);
  costs.addStart('docker', 'cold', 200);
  costs.setIdleMemory('docker', 5_000_000);
  expect(costs.of('docker')).toMatchObject({ warmCalls: 2, quickestWarmMs: 1.5, idleMemoryBytes: 5_000_000 });
  expect(costs.of('docker')?.booted?.count).toBe(1);
});
