import { describe, expect, it } from 'vitest';
import type { VersionSpec } from '../../backend/core/version.ts';
import type { VersionConfig } from '../../shared/version-config.ts';
import { invocationOf, KeepingSink, type PoolRigOptions, versionOf } from '../fakes/pool-rig.ts';
import { drainedRigs, type SnapshotPoolRig } from '../fakes/snapshot-pool-rig.ts';

const { signal: never } = new AbortController();
const makeRig = drainedRigs();
const rig = (options: PoolRigOptions = {}) => makeRig(options, { copiesRuntimes: true });
type Rig = SnapshotPoolRig;

async function call(r: Rig, wanted: VersionSpec) {
  const lease = await r.pool.acquire(wanted, never);
  const invocation = invocationOf(wanted, { value: 1 }, r.clock);
  const { outcome } = await lease.instance.invoke({ invocation, sink: new KeepingSink(), signal: never });
  lease.release('healthy');
  return { kind: outcome.kind, start: lease.start };
}
const shapes = (r: Rig) => [...r.driver.kept.keys()].filter((subject) => subject.startsWith('shape_'));
const booted = (r: Rig) => r.driver.created.filter(({ id }) => !r.driver.copies.has(id)).length;

describe('snapshots of runtimes without a version', () => {
  it('are taken once for each shape, and versions without a snapshot start from them', async () => {
    const r = rig();
    const [first, second, larger] = [versionOf(), versionOf(), versionOf({ memoryMb: 512 })];
    expect(await call(r, first)).toEqual({ kind: 'success', start: 'cold' });
    expect(await call(r, second)).toEqual({ kind: 'success', start: 'restored' });
    expect(shapes(r)).toHaveLength(1);
    expect(booted(r)).toBe(1);
    // Each loaded its version, and has a snapshot with it.
    expect(r.counts.inits).toBe(2);
    expect(r.driver.kept.size).toBe(3);
    for (const { calls } of r.driver.created) expect(calls).toContain('specialise');
    expect((await call(r, larger)).start).toBe('cold');
    expect(shapes(r)).toHaveLength(2);
  });

  it.each<[string, Partial<VersionConfig>]>([
    ['want no snapshots', { snapshots: false }],
    ['use secrets', { secrets: ['KEY'] }],
    ['have an allow-list', { egress: { allow: ['a.example'] } }],
  ])('are for versions too that %s, and hold nothing of theirs', async (_what, config) => {
    const secrets = { open: () => ({ env: { KEY: 'value' }, redact: (text: string) => text }) };
    const r = rig({ secrets });
    expect((await call(r, versionOf(config))).start).toBe('cold');
    expect((await call(r, versionOf(config))).start).toBe('restored');
    expect([...r.driver.kept.keys()]).toEqual(shapes(r));
    expect(r.counts.inits).toBe(2);
  });

  it.each<[string, PoolRigOptions, Partial<VersionConfig>]>([
    ['they are switched off', { settings: { snapshots: 'off' } }, {}],
    ['the program could not start its generators anew', {}, { runtime: 'custom' }],
  ])('are not taken where %s', async (_what, options, config) => {
    const r = rig(options);
    for (const start of ['cold', 'cold']) expect((await call(r, versionOf(config))).start).toBe(start);
    expect(shapes(r)).toEqual([]);
  });

  it('are what pre-warmed sandboxes are made from', async () => {
    const r = rig({ settings: { preWarmPerShape: 1, refillDelayMs: 1 } });
    await call(r, versionOf());
    await expect.poll(() => r.pool.preWarmed()[0]?.count).toBe(1);
    expect(booted(r)).toBe(1);
    expect((await call(r, versionOf())).start).toBe('pre-warmed');
  });

  it.each(['early', 'late', 'restore'] as const)('cost no start when they fail (%s): it is booted', async (failing) => {
    const r = rig();
    if (failing === 'restore') await call(r, versionOf());
    r.driver.failing = failing;
    expect(await call(r, versionOf())).toEqual({ kind: 'success', start: 'cold' });
    expect(shapes(r)).toEqual([]);
    // Not tried again soon.
    expect(await call(r, versionOf())).toEqual({ kind: 'success', start: 'cold' });
    expect(shapes(r)).toEqual([]);
  });
});
