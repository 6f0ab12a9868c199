import { describe, expect, it } from 'vitest';
import type { VersionSpec } from '../../backend/core/version.ts';
import type { PoolSettings } from '../../backend/execution-engine/pool/pool-settings.ts';
import type { VersionConfig } from '../../shared/version-config.ts';
import { invocationOf, KeepingSink, versionOf } from '../fakes/pool-rig.ts';
import { drainedRigs, type SnapshotPoolRig } from '../fakes/snapshot-pool-rig.ts';

const { signal: never } = new AbortController();
const rig = drainedRigs();
type Rig = SnapshotPoolRig;

async function call(r: Rig, wanted: VersionSpec, keepsInstance = false) {
  const lease = await r.pool.acquire(wanted, never);
  const sink = new KeepingSink();
  const invocation = invocationOf(wanted, { value: 1 }, r.clock);
  const { outcome } = await lease.instance.invoke({ invocation, sink, signal: never });
  lease.release(keepsInstance ? 'healthy' : 'broken');
  if (!keepsInstance) await expect.poll(() => r.driver.live.length).toBe(0);
  return { kind: outcome.kind, start: lease.start, initMs: lease.phases.initMs };
}

describe('snapshots in the pool', () => {
  it('are taken with the first good start, and are what the next ones start from', async () => {
    const r = rig();
    const own = versionOf();
    expect(await call(r, own)).toMatchObject({ kind: 'success', start: 'cold' });
    expect(r.driver.kept.size).toBe(1);
    expect(await call(r, own)).toEqual({ kind: 'success', start: 'restored', initMs: 0 });
    expect(await call(r, own)).toMatchObject({ kind: 'success', start: 'restored' });
    // The function was loaded once.
    expect(r.counts.inits).toBe(1);
  });

  it('are preferred to pre-warmed sandboxes, which have not loaded the version', async () => {
    const r = rig({ settings: { preWarmPerShape: 1, refillDelayMs: 1 } });
    const own = versionOf();
    await call(r, own, true);
    await expect.poll(() => r.pool.preWarmed()[0]?.count).toBe(1);
    for (const instance of r.pool.pools()[0]?.instances ?? []) expect(instance.start).toBe('cold');
    const leases = [await r.pool.acquire(own, never), await r.pool.acquire(own, never)];
    expect(leases.map((lease) => lease.start)).toEqual(['warm', 'restored']);
    for (const lease of leases) lease.release('healthy');
  });

  it.each<[string, Partial<PoolSettings>, Partial<VersionConfig>]>([
    ['are not taken when they are switched off', { snapshots: 'off' }, {}],
    ['are not taken of versions that do not want them', { snapshots: 'all' }, { snapshots: false }],
    ['are not taken of versions that use secrets', { snapshots: 'without-secrets' }, { secrets: ['KEY'] }],
    ['are not taken of versions with an allow-list', { snapshots: 'all' }, { egress: { allow: ['a.example'] } }],
    ['are not taken of versions with the whole network', { snapshots: 'all' }, { egress: 'all' }],
    ['are not taken of programs that cannot start their generators anew', { snapshots: 'all' }, { runtime: 'custom' }],
  ])('%s', async (_what, settings, config) => {
    const r = rig({ settings });
    const own = versionOf(config);
    expect((await call(r, own)).start).toBe('cold');
    expect((await call(r, own)).start).toBe('cold');
    expect(r.driver.kept.size).toBe(0);
  });

  it('belong to the values that the version was loaded with', async () => {
    let value = 'one';
    const secrets = { open: () => ({ env: { KEY: value }, redact: (text: string) => text }) };
    const r = rig({ settings: { snapshots: 'all' }, secrets });
    const own = versionOf({ secrets: ['KEY'] });
    expect([(await call(r, own)).start, (await call(r, own)).start]).toEqual(['cold', 'restored']);
    const [before] = r.driver.kept.values();
    expect(before).not.toContain('one');
    value = 'two';
    expect([(await call(r, own)).start, (await call(r, own)).start]).toEqual(['cold', 'restored']);
    expect(r.driver.kept.get(own.versionId)).not.toBe(before);
  });

  it('go with their version, and when what it was loaded with changes', async () => {
    const r = rig();
    const [own, other] = [versionOf(), versionOf()];
    await call(r, own);
    await call(r, other);
    r.pool.recycle(new Set([own.versionId]), 'a secret was changed');
    await r.pool.retireVersion(other.versionId, 'replaced');
    expect(r.driver.kept.size).toBe(0);
    expect((await call(r, own)).start).toBe('cold');
  });

  it.each(['early', 'late'] as const)(
    'that cannot be taken (%s) cost the start nothing, and are not tried again soon',
    async (failing) => {
      const r = rig();
      const own = versionOf();
      r.driver.failing = failing;
      expect(await call(r, own)).toMatchObject({ kind: 'success', start: 'cold' });
      expect(await call(r, own)).toMatchObject({ kind: 'success', start: 'cold' });
      expect(r.driver.created).toHaveLength(2);
      expect(r.driver.kept.size).toBe(0);
    },
  );

  it('that cannot be restored are dropped, and the version is booted', async () => {
    const r = rig();
    const own = versionOf();
    await call(r, own);
    r.driver.failing = 'restore';
    expect(await call(r, own)).toMatchObject({ kind: 'success', start: 'cold' });
    expect(r.driver.kept.size).toBe(0);
  });

  it('whose agent does not go on are followed by a boot, and the caller hears nothing of it', async () => {
    let isDeaf = true;
    const r = rig({ answersRestores: () => !isDeaf, settings: { bootTimeoutMs: 2000 } });
    const own = versionOf();
    // The original hears nothing of AFTER_RESTORE either: its channel ends, and another one is booted.
    const first = call(r, own);
    await expect.poll(() => r.driver.created.length).toBe(1);
    await expect.poll(() => r.driver.kept.size).toBe(1);
    r.driver.created[0]?.destroy('killed').catch(() => undefined);
    isDeaf = false;
    expect(await first).toMatchObject({ kind: 'success', start: 'cold' });
    expect(r.driver.created).toHaveLength(2);
  });
});
