import { afterEach, expect, it } from 'vitest';
import type { Lease } from '../../backend/core/ports/instance-pool.ts';
import { redactorOf } from '../../backend/secrets/redaction.ts';
import { PlatformError } from '../../shared/errors.ts';
import { invocationOf, KeepingSink, type PoolRigOptions, poolRig, versionOf } from '../fakes/pool-rig.ts';

const never = new AbortController().signal;
const rigs: ReturnType<typeof poolRig>[] = [];
function rig(options: PoolRigOptions = {}, onOpen: () => void = () => undefined) {
  let value = 'first value';
  const made = poolRig({
    ...options,
    secrets: {
      open: () => {
        onOpen();
        return { env: { A: value }, redact: redactorOf([value]) };
      },
    },
  });
  rigs.push(made);
  return {
    ...made,
    change: (next: string) => {
      value = next;
    },
  };
}
afterEach(async () => {
  for (const { pool, clock } of rigs.splice(0)) await pool.drain(clock.now());
});

function run({ clock }: ReturnType<typeof rig>, lease: Lease, event: unknown) {
  const invocation = invocationOf(lease.instance.version, event, clock);
  return lease.instance.invoke({ invocation, sink: new KeepingSink(), signal: never });
}

it('a change ends idle instances, lets busy ones finish, and gives later calls new ones', async () => {
  const r = rig();
  const version = versionOf({ secrets: ['A'], maxInstances: 3 });
  const [busy, idle] = await Promise.all([r.pool.acquire(version, never), r.pool.acquire(version, never)]);
  const inside = run(r, busy, { op: 'sleep', ms: 50 });
  idle.release('healthy');
  r.pool.recycle(new Set([version.versionId]), 'secret A was changed');
  expect(r.pool.tryAcquire(version)).toBeUndefined();
  const next = await r.pool.acquire(version, never);
  expect([busy.instance.id, idle.instance.id]).not.toContain(next.instance.id);
  expect((await inside).outcome.kind).toBe('success');
  busy.release('healthy');
  await expect.poll(() => r.pool.pools()[0]?.instances.map(({ id }) => id)).toEqual([next.instance.id]);
  expect(r.events).toContainEqual(
    expect.objectContaining({ kind: 'instance', to: 'draining', reason: 'secret A was changed' }),
  );
  next.release('healthy');
});

it('a call that waits for a busy instance, or for one that is starting, never gets one from before the change', async () => {
  const version = versionOf({ secrets: ['A'], maxInstances: 1 });
  let opened = 0;
  const r = rig({}, () => {
    // It has been asked for the values, and is not ready yet.
    if (++opened === 1) r.pool.recycle(new Set([version.versionId]), 'secret A was changed');
  });
  const lease = await r.pool.acquire(version, never);
  expect(r.counts.inits).toBe(2);
  const later = r.pool.acquire(version, never);
  r.pool.recycle(new Set([version.versionId]), 'secret A was changed');
  lease.release('healthy');
  expect((await later).instance.id).not.toBe(lease.instance.id);
  (await later).release('healthy');
});

it('other versions keep their instances', async () => {
  const r = rig();
  const version = versionOf();
  const lease = await r.pool.acquire(version, never);
  lease.release('healthy');
  r.pool.recycle(new Set([versionOf().versionId]), 'secret A was changed');
  expect(r.pool.tryAcquire(version)?.instance.id).toBe(lease.instance.id);
});

it('values are taken out of what a function throws, also while it starts', async () => {
  const r = rig();
  r.change('broken');
  const version = versionOf({ secrets: ['A'] });
  const lease = await r.pool.acquire(version, never);
  const { outcome } = await run(r, lease, { op: 'throw', value: 'it is broken here' });
  expect(outcome.kind).toBe('function-error');
  expect(JSON.stringify(outcome)).not.toContain('broken');
  lease.release('healthy');

  const failing = rig({ init: () => 'fail' });
  failing.change('broken');
  const error = await failing.pool.acquire(version, never).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(PlatformError);
  expect(error).toMatchObject({ code: 'init_failed', message: expect.stringContaining('[redacted]') });
  expect(JSON.stringify((error as PlatformError).detail)).not.toContain('broken');
  expect(failing.lines.map(({ text }) => text).join('\n')).not.toContain('broken');
});

it('a version whose secret cannot be opened does not start, and says which', async () => {
  const r = poolRig({
    secrets: {
      open: () => {
        throw new PlatformError('unavailable', 'secret_missing', 'the secret A was deleted');
      },
    },
  });
  rigs.push(r);
  await expect(r.pool.acquire(versionOf({ secrets: ['A'] }), never)).rejects.toMatchObject({ code: 'secret_missing' });
  expect(r.counts.inits).toBe(0);
});
