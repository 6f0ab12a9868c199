import { afterEach, describe, expect, it } from 'vitest';
import type { VersionSpec } from '../../backend/core/version.ts';
import { invocationOf, KeepingSink, type PoolRigOptions, poolRig, versionOf } from '../fakes/pool-rig.ts';
import { drainedRigs } from '../fakes/snapshot-pool-rig.ts';

const never = new AbortController().signal;
type Rig = ReturnType<typeof poolRig>;
const rigs: Rig[] = [];
afterEach(async () => {
  for (const { pool, clock, driver } of rigs.splice(0)) {
    await pool.drain(clock.now());
    expect(driver.live).toEqual([]);
  }
});
const snapshotRig = drainedRigs();

function rig(options: PoolRigOptions = {}): Rig {
  const made = poolRig({ holdsCalls: true, initDelayMs: 20, ...options });
  rigs.push(made);
  return made;
}

/** Waits for a lease for this event, which may travel ahead. */
function waiting(r: Rig, version: VersionSpec, event: unknown, signal = never, deadlineMs = 30_000) {
  const sink = new KeepingSink();
  const invocation = invocationOf(version, event, r.clock, { deadlineAt: r.clock.now() + deadlineMs });
  const lease = r.pool.acquire(version, signal, 1, () => ({ invocation, sink, signal }));
  lease.catch(() => undefined);
  return { sink, lease };
}
const isInside = async (r: Rig) => await expect.poll(() => r.counts.early, { interval: 2 }).toBe(1);

describe('the call that waits for the first instance of a version', () => {
  it('is in the instance before that is ready, and its lease says so; others are given to it as ever', async () => {
    const r = rig();
    const version = versionOf({ concurrency: 2 });
    const first = waiting(r, version, { value: 1 });
    const second = waiting(r, version, { value: 2 });
    const [one, two] = [await first.lease, await second.lease];
    expect([r.counts.early, two.ahead]).toEqual([1, undefined]);
    expect(await one.ahead).toMatchObject({ outcome: { kind: 'success' } });
    expect(first.sink.json.value).toBe(1);
    expect(one.phases.acquireMs).toBeGreaterThanOrEqual(one.phases.initMs);
    expect([one.start, one.instance.inFlight]).toEqual(['cold', 2]);
    one.release('healthy');
    two.release('healthy');
    const [view] = r.pool.pools()[0]?.instances ?? [];
    expect([r.counts.invoked, view?.invocations]).toEqual([1, 1]);
  });

  it('waits in line when it may not be sent, when the agent keeps no calls, or when a snapshot is taken first', async () => {
    const r = rig();
    const plain = await r.pool.acquire(versionOf(), never);
    const old = rig({ holdsCalls: false });
    const copied = snapshotRig({ holdsCalls: true });
    for (const made of [old, copied]) {
      const { lease, sink } = waiting(made, versionOf(), {});
      expect((await lease).ahead).toBeUndefined();
      expect([made.counts.early, sink.heads]).toEqual([0, []]);
      (await lease).release('healthy');
    }
    expect(plain.ahead).toBeUndefined();
    plain.release('healthy');
  });

  it('may end the instance while that says that it is ready: its own fault, and not that of the start', async () => {
    const r = rig();
    const version = versionOf({ maxInstances: 1 });
    const { lease } = waiting(r, version, { op: 'exit' });
    const next = waiting(r, version, { value: 'next' });
    const given = await lease;
    expect(await given.ahead).toMatchObject({ outcome: { kind: 'function-fault', fault: 'exited' } });
    given.release('healthy');
    const other = await next.lease;
    expect(await other.ahead).toMatchObject({ outcome: { kind: 'success' } });
    expect([next.sink.json.value, r.counts.inits, r.driver.live.length]).toEqual(['next', 2, 1]);
    other.release('healthy');
  });

  it('is not begun when its caller leaves before, and the instance serves the next', async () => {
    const r = rig({ initDelayMs: 150 });
    const version = versionOf({ maxInstances: 1 });
    const giveUp = new AbortController();
    const { lease } = waiting(r, version, { value: 'unwanted' }, giveUp.signal);
    const next = waiting(r, version, { value: 'next' });
    await isInside(r);
    giveUp.abort();
    await expect(lease).rejects.toMatchObject({ code: 'acquire_aborted' });
    const given = await next.lease;
    expect([r.counts.invoked, given.ahead]).toEqual([0, undefined]);
    given.release('healthy');
  });

  it('is not begun when its deadline passes before', async () => {
    const r = rig({ initDelayMs: 150 });
    const { lease } = waiting(r, versionOf(), { value: 'late' }, never, 30);
    const given = await lease;
    expect((await given.ahead)?.outcome).toMatchObject({ kind: 'function-fault', fault: 'timeout' });
    expect(r.counts.invoked).toBe(0);
    given.release('healthy');
  });

  it.each([
    ['fail', 'init_failed'],
    ['exit', 'exited'],
    ['oom', 'out_of_memory'],
  ] as const)('gets the error of an INIT that ends with: %s', async (how, code) => {
    const r = rig({ init: () => how });
    const { lease } = waiting(r, versionOf(), {});
    await expect(lease).rejects.toMatchObject({ kind: 'function_error', code });
    expect([r.counts.early, r.counts.invoked]).toEqual([1, 0]);
  });

  it('keeps its instance when that became stale after it was sent; later calls get another', async () => {
    const r = rig({ initDelayMs: 150 });
    const version = versionOf();
    const { lease } = waiting(r, version, { value: 1 });
    await isInside(r);
    r.pool.recycle(new Set([version.versionId]), 'a secret was changed');
    const later = waiting(r, version, { value: 2 });
    const [one, two] = [await lease, await later.lease];
    expect((await one.ahead)?.outcome.kind).toBe('success');
    expect(two.instance.id).not.toBe(one.instance.id);
    one.release('healthy');
    two.release('healthy');
    await expect.poll(() => r.driver.live.length).toBe(1);
  });

  it('is rejected when the platform shuts down', async () => {
    const r = rig({ init: () => 'hang' });
    const { lease } = waiting(r, versionOf(), {});
    await isInside(r);
    await r.pool.drain(r.clock.now());
    await expect(lease).rejects.toMatchObject({ code: 'draining' });
    expect(r.counts.invoked).toBe(0);
  });
});
