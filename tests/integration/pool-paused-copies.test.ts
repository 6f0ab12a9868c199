import { describe, expect, it } from 'vitest';
import type { VersionSpec } from '../../backend/core/version.ts';
import { MiB } from '../../shared/limits.ts';
import { invocationOf, KeepingSink, type PoolRigOptions, versionOf } from '../fakes/pool-rig.ts';
import { drainedRigs, type SnapshotPoolRig } from '../fakes/snapshot-pool-rig.ts';

const { signal: never } = new AbortController();
const makeRig = drainedRigs();
/** What a copy of the fake driver says that it takes. */
const copyMb = 48;

const rig = ({ canPause = true, ...options }: PoolRigOptions & { readonly canPause?: boolean } = {}) =>
  makeRig(
    {
      ...options,
      settings: { copiesAheadPerVersion: 1, refillDelayMs: 1, sweepIntervalMs: 5, ...options.settings },
      script: (ordinal) => ({
        usage: { cpuMs: 0, memoryBytes: copyMb * MiB, peakMemoryBytes: 0, pids: 1 },
        ...options.script?.(ordinal),
      }),
    },
    { pause: canPause },
  );
type Rig = SnapshotPoolRig;

const copiesOf = (r: Rig, wanted: VersionSpec) =>
  r.pool.pools().find(({ version }) => version.versionId === wanted.versionId)?.pausedCopies;
/** A version that is not in use is not listed, and has none. */
const untilCopies = async (r: Rig, wanted: VersionSpec, count: number) =>
  await expect.poll(() => copiesOf(r, wanted)?.count ?? 0).toBe(count);

async function call(r: Rig, wanted: VersionSpec) {
  const lease = await r.pool.acquire(wanted, never);
  const sink = new KeepingSink();
  const invocation = invocationOf(wanted, { value: 1 }, r.clock);
  const { outcome } = await lease.instance.invoke({ invocation, sink, signal: never });
  return { lease, kind: outcome.kind, start: lease.start, sandbox: sink.json.sandbox };
}

describe('copies that stand still', () => {
  it('are restored behind the first start, taken by the next, and restored again behind it', async () => {
    const r = rig();
    const own = versionOf({ memoryMb: 256 });
    const first = await call(r, own);
    await untilCopies(r, own, 1);
    const ahead = r.driver.created[1];
    expect(ahead?.calls).toEqual(['connect', 'pause', 'usage']);
    const second = await call(r, own);
    expect(second).toMatchObject({ kind: 'success', start: 'restored', sandbox: ahead?.id });
    expect(ahead?.calls.slice(0, 4)).toEqual(['connect', 'pause', 'usage', 'resume']);
    await untilCopies(r, own, 1);
    expect(r.driver.created).toHaveLength(3);
    expect(r.counts.inits).toBe(1);
    for (const { lease } of [first, second]) lease.release('healthy');
  });

  it('count with what they take, and with all of their memory once they run', async () => {
    const r = rig({ settings: { memoryBudgetMb: 512 + copyMb } });
    const own = versionOf({ memoryMb: 256 });
    const { lease } = await call(r, own);
    await untilCopies(r, own, 1);
    expect(copiesOf(r, own)).toEqual({ count: 1, memoryMb: copyMb });
    const second = await call(r, own);
    expect(second.start).toBe('restored');
    // Two run now. There is room for a copy that stands still, and none for one that is being restored.
    expect(copiesOf(r, own)).toEqual({ count: 0, memoryMb: 0 });
    lease.release('broken');
    await untilCopies(r, own, 1);
    second.lease.release('healthy');
  });

  it('give their room to versions that need it', async () => {
    const r = rig({ settings: { memoryBudgetMb: 300 } });
    const [own, other] = [versionOf({ memoryMb: 128 }), versionOf({ memoryMb: 256 })];
    (await call(r, own)).lease.release('healthy');
    await untilCopies(r, own, 1);
    const { lease, start } = await call(r, other);
    expect(start).toBe('cold');
    expect(copiesOf(r, own)?.count ?? 0).toBe(0);
    lease.release('healthy');
  });

  it('find room to run although their own is all that is left, by giving up what is idle', async () => {
    const r = rig({ settings: { memoryBudgetMb: 320 } });
    const [own, other] = [versionOf({ memoryMb: 128 }), versionOf({ memoryMb: 128, concurrency: 1 })];
    const { lease } = await call(r, own);
    await untilCopies(r, own, 1);
    (await call(r, other)).lease.release('healthy');
    const second = await call(r, own);
    expect(second.start).toBe('restored');
    for (const each of [lease, second.lease]) each.release('healthy');
  });

  it('are replaced when they die, and skipped when they do not go on', async () => {
    const r = rig({
      script: (ordinal) => (ordinal === 2 ? { fail: { resume: true } } : {}),
    });
    const own = versionOf();
    const { lease } = await call(r, own);
    await untilCopies(r, own, 1);
    r.driver.created[1]?.die();
    await untilCopies(r, own, 0);
    await expect.poll(() => copiesOf(r, own)?.count).toBe(1);
    const second = await call(r, own);
    expect(second).toMatchObject({ kind: 'success', start: 'restored' });
    expect(second.sandbox).not.toBe(r.driver.created[2]?.id);
    for (const each of [lease, second.lease]) each.release('healthy');
  });

  it('go when what the version was loaded with changes, when it goes, and when it is not used', async () => {
    const r = rig({ settings: { preWarmTtlMs: 50 } });
    await r.pool.start();
    const [changed, retired, unused] = [versionOf(), versionOf(), versionOf()];
    for (const each of [changed, retired, unused]) (await call(r, each)).lease.release('healthy');
    for (const each of [changed, retired, unused]) await untilCopies(r, each, 1);
    r.pool.recycle(new Set([changed.versionId]), 'a secret was changed');
    expect(copiesOf(r, changed)?.count).toBe(0);
    const retiring = r.pool.retireVersion(retired.versionId, 'replaced');
    expect(copiesOf(r, retired)?.count ?? 0).toBe(0);
    await retiring;
    // While it has an instance its copy stays, however long ago the last start was.
    expect(copiesOf(r, unused)?.count).toBe(1);
    const { lease } = await call(r, unused);
    lease.release('broken');
    await untilCopies(r, unused, 0);
  });

  it('are as many as could be started, and none when they are switched off or cannot be paused', async () => {
    const [few, none, unable] = [
      rig({ settings: { copiesAheadPerVersion: 3 } }),
      rig({ settings: { copiesAheadPerVersion: 0 } }),
      rig({ canPause: false }),
    ];
    const own = versionOf({ maxInstances: 3 });
    const leases = [];
    for (const r of [few, none, unable]) leases.push((await call(r, own)).lease);
    await untilCopies(few, own, 2);
    for (const r of [none, unable]) {
      expect(r.driver.kept.size).toBe(1);
      expect(r.driver.created).toHaveLength(1);
    }
    for (const lease of leases) lease.release('healthy');
  });
});
