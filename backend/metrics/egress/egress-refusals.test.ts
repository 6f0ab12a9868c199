import { expect, it } from 'vitest';
import { ManualClock } from '../../../tests/fakes/manual-clock.ts';
import { recordingLogger, startAt, versionA1, versionA2, versionB1 } from '../../../tests/support/metrics-fixture.ts';
import type { EgressRefusals } from '../../core/ports/egress-refusals.ts';
import { EgressRefusalRecorder } from './egress-refusals.ts';

function rig() {
  const clock = new ManualClock();
  const written: EgressRefusals[][] = [];
  let failures = 0;
  const add = async (batch: readonly EgressRefusals[]) => {
    if (failures-- > 0) throw new Error('the disk is full');
    written.push([...batch]);
  };
  const refusals = new EgressRefusalRecorder({
    store: { egressRefusals: { add } },
    clock,
    logger: recordingLogger().logger,
  });
  const refuse = (host: string, version = versionA1, at = startAt) =>
    refusals.record({ kind: 'egress-refused', at, version, host, reason: 'not-on-list' });
  return { clock, refusals, refuse, written, failNext: (count: number) => (failures = count) };
}

it('adds up a second of attempts per function and host, with the version of the last', async () => {
  const { clock, refuse, written } = rig();
  refuse('evil.example:443');
  refuse('evil.example:443', versionA2, startAt + 5);
  refuse('evil.example:443', versionB1);
  refuse('other.example:80');
  await clock.advanceAsync(1_000);
  expect(written).toHaveLength(1);
  expect(written[0]).toEqual([
    {
      functionId: versionA1.functionId,
      host: 'evil.example:443',
      reason: 'not-on-list',
      version: 2,
      count: 2,
      firstAt: startAt,
      lastAt: startAt + 5,
    },
    expect.objectContaining({ functionId: versionB1.functionId, count: 1 }),
    expect.objectContaining({ host: 'other.example:80', count: 1 }),
  ]);
});

it('loses nothing when the store is not there for a while, and writes the rest at the end', async () => {
  const { clock, refusals, refuse, written, failNext } = rig();
  failNext(1);
  refuse('a.example:443');
  await clock.advanceAsync(1_000);
  refuse('a.example:443');
  await refusals.close();
  expect(written.flat()).toMatchObject([{ count: 2 }]);
  expect([refusals.storeFailures, refusals.dropped]).toEqual([1, 0]);
});

it('tells a hundred hosts of a function apart in an hour, and counts the rest together', async () => {
  const { clock, refuse, written } = rig();
  for (let i = 0; i < 5000; i++) refuse(`h${i}.example:443`);
  await clock.advanceAsync(1_000);
  const sums = written.flat();
  expect(sums).toHaveLength(101);
  expect(sums.find(({ host }) => host === '*')?.count).toBe(4900);
  expect(sums.find(({ host }) => host === 'h99.example:443')?.count).toBe(1);
});
