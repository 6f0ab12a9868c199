import { setImmediate } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { FailedStart, type Lease } from '../../backend/core/ports/instance-pool.ts';
import type { VersionSpec } from '../../backend/core/version.ts';
import type { FakeScript } from '../../backend/execution-engine/drivers/fake/fake-script.ts';
import { ManualClock } from '../fakes/manual-clock.ts';
import { invocationOf, KeepingSink, type PoolRigOptions, poolRig, versionOf } from '../fakes/pool-rig.ts';

type Rig = ReturnType<typeof poolRig>;
const rigs: Rig[] = [];
function rig(options: PoolRigOptions = {}): Rig {
  const made = poolRig(options);
  rigs.push(made);
  return made;
}

afterEach(async () => {
  for (const { pool, clock, driver, handles } of rigs.splice(0)) {
    await pool.drain(clock.now());
    expect(driver.live).toEqual([]);
    await expect.poll(() => handles.size).toBe(0);
  }
});

const never = new AbortController().signal;

function call(rig: Rig, lease: Lease, event: unknown, deadlineMs = 30_000, signal: AbortSignal = never) {
  const sink = new KeepingSink();
  const invocation = invocationOf(lease.instance.version, event, rig.clock, {
    deadlineAt: rig.clock.now() + deadlineMs,
  });
  return { sink, invocation, result: lease.instance.invoke({ invocation, sink, signal }) };
}

async function runOnce(rig: Rig, version: VersionSpec, event: unknown) {
  const lease = rig.pool.tryAcquire(version) ?? (await rig.pool.acquire(version, never));
  const { sink, result } = call(rig, lease, event);
  const { outcome } = await result;
  lease.release('healthy');
  return { outcome, start: lease.start, phases: lease.phases, sink, id: lease.instance.id };
}

describe('starting instances', () => {
  it('boots once and then serves warm, the most recently used instance first', async () => {
    const r = rig();
    const version = versionOf();
    const first = await runOnce(r, version, { value: 1 });
    expect(first.start).toBe('cold');
    expect(first.phases.acquireMs).toBeGreaterThanOrEqual(first.phases.initMs);
    const second = await runOnce(r, version, { value: 2 });
    expect(second).toMatchObject({ start: 'warm', id: first.id, phases: { acquireMs: 0, bootMs: 0 } });
    const [a, b] = await Promise.all([r.pool.acquire(version, never), r.pool.acquire(version, never)]);
    a.release('healthy');
    b.release('healthy');
    expect(r.pool.tryAcquire(version)?.instance.id).toBe(b.instance.id);
    expect(r.driver.created).toHaveLength(2);
  });

  it('answers a burst of 1,000 calls with at most maxInstances boots, first come first served', async () => {
    const r = rig({ initDelayMs: 20 });
    const version = versionOf({ maxInstances: 4 });
    const order: number[] = [];
    await Promise.all(
      Array.from({ length: 1000 }, async (_, i) => {
        const lease = await r.pool.acquire(version, never);
        order.push(i);
        const { outcome } = await call(r, lease, { value: i }).result;
        expect(outcome.kind).toBe('success');
        lease.release('healthy');
      }),
    );
    expect(r.driver.created.length).toBeLessThanOrEqual(4);
    expect(r.counts.maxInside).toBeLessThanOrEqual(4);
    expect(order).toEqual(order.toSorted((a, b) => a - b));
  });

  it('does not boot for waiters that a boot under way will serve', async () => {
    const r = rig({ initDelayMs: 30 });
    const version = versionOf({ concurrency: 10 });
    const leases = await Promise.all(Array.from({ length: 10 }, () => r.pool.acquire(version, never)));
    expect(r.driver.created).toHaveLength(1);
    expect(leases.filter((lease) => lease.start === 'cold')).toHaveLength(1);
    for (const lease of leases) lease.release('healthy');
  });

  it('bounds simultaneous boots over all versions', async () => {
    let booting = 0;
    let most = 0;
    const r = rig({
      settings: { maxSimultaneousBoots: 2 },
      script: () => ({ delayMs: { create: 15 } }),
      init: () => {
        booting--;
        return 'ready';
      },
    });
    const create = r.driver.create.bind(r.driver);
    r.driver.create = (spec, signal) => {
      most = Math.max(most, ++booting);
      return create(spec, signal);
    };
    const all = Array.from({ length: 8 }, () => versionOf());
    const leases = await Promise.all(all.map((version) => r.pool.acquire(version, never)));
    expect(most).toBe(2);
    for (const lease of leases) lease.release('healthy');
  });

  it('specialises a pre-warmed sandbox and makes another', async () => {
    const r = rig({ settings: { preWarmPerRuntime: 1, refillDelayMs: 1 } });
    await r.pool.start();
    await expect.poll(() => r.pool.preWarmed()).toEqual([{ runtime: 'nodejs', isolation: 'fake', count: 1 }]);
    const version = versionOf();
    const { start, phases } = await runOnce(r, version, {});
    expect(start).toBe('pre-warmed');
    expect(phases.bootMs).toBe(0);
    expect(r.driver.created[0]?.calls).toContain('specialise');
    await expect.poll(() => r.pool.preWarmed()[0]?.count).toBe(1);
    r.driver.created[1]?.die();
    await expect.poll(() => r.driver.created.length).toBe(3);
  });

  it('starts cold when a pre-warmed sandbox cannot be specialised', async () => {
    const r = rig({
      settings: { preWarmPerRuntime: 1 },
      script: (ordinal) => (ordinal === 0 ? { fail: { specialise: true } } : {}),
    });
    await r.pool.start();
    await expect.poll(() => r.pool.preWarmed()[0]?.count).toBe(1);
    const { start, outcome } = await runOnce(r, versionOf(), {});
    expect({ start, kind: outcome.kind }).toEqual({ start: 'cold', kind: 'success' });
  });

  it('takes a waiter that gave up out of the line', async () => {
    const r = rig({ initDelayMs: 30 });
    const version = versionOf({ maxInstances: 1 });
    const held = await r.pool.acquire(version, never);
    const giveUp = new AbortController();
    const waiting = r.pool.acquire(version, giveUp.signal);
    giveUp.abort();
    await expect(waiting).rejects.toMatchObject({ kind: 'unavailable', code: 'acquire_aborted' });
    held.release('healthy');
    expect(r.pool.tryAcquire(version)).toBeDefined();
  });
});

describe('versions that do not start', () => {
  it('gives the error of a boot to the waiters it would have served, and opens the circuit after five', async () => {
    const r = rig({ init: () => 'fail', settings: { maxSimultaneousBoots: 1 } });
    const version = versionOf();
    const settled = await Promise.allSettled(Array.from({ length: 20 }, () => r.pool.acquire(version, never)));
    const codes = settled.map((result) =>
      result.status === 'rejected' ? (result.reason as { code: string }).code : 'served',
    );
    expect(codes.filter((code) => code === 'init_failed')).toHaveLength(5);
    expect(codes.filter((code) => code === 'init_circuit_open')).toHaveLength(15);
    await expect(r.pool.acquire(version, never)).rejects.toMatchObject({
      code: 'init_circuit_open',
      retryAfterSeconds: 1,
      detail: { type: 'SyntaxError', message: 'broken' },
    });
    expect(r.driver.created).toHaveLength(5);
  });

  it('tells with the error how long each step of the start took, as far as it came', async () => {
    const failing = rig({ init: () => 'fail', initDelayMs: 40 });
    const error = await failing.pool.acquire(versionOf(), never).catch((reason: unknown) => reason);
    if (!(error instanceof FailedStart)) throw error;
    const { acquireMs, bootMs, loadMs, initMs } = error.phases;
    expect(initMs).toBeGreaterThanOrEqual(39);
    expect(bootMs).toBeGreaterThan(0);
    expect(Math.abs(acquireMs - bootMs - loadMs - initMs)).toBeLessThanOrEqual(1);
    const mute = rig({ script: () => ({ agent: (_channel, body) => void setTimeout(() => body.exit(9), 30) }) });
    const early = await mute.pool.acquire(versionOf(), never).catch((reason: unknown) => reason);
    if (!(early instanceof FailedStart)) throw early;
    expect(early.phases.bootMs).toBeGreaterThanOrEqual(29);
    expect(early.phases.initMs).toBe(0);
  });

  it('remembers failures that are seconds apart', async () => {
    const r = rig({
      init: () => 'fail',
      settings: { sweepIntervalMs: 5, circuit: { threshold: 2, minOpenMs: 60_000, maxOpenMs: 60_000 } },
    });
    await r.pool.start();
    const version = versionOf();
    for (const code of ['init_failed', 'init_failed', 'init_circuit_open']) {
      await expect(r.pool.acquire(version, never)).rejects.toMatchObject({ code });
      await r.clock.sleep(40);
    }
  });

  it('probes once when the time is over, and closes on success', async () => {
    const circuit = { threshold: 2, minOpenMs: 60, maxOpenMs: 1000 };
    const clock = new ManualClock();
    const r = rig({
      clock,
      init: (ordinal) => (ordinal < 2 ? 'fail' : 'ready'),
      settings: { circuit, maxSimultaneousBoots: 4 },
    });
    const version = versionOf();
    await expect(r.pool.acquire(version, never)).rejects.toMatchObject({ kind: 'function_error', code: 'init_failed' });
    await expect(r.pool.acquire(version, never)).rejects.toMatchObject({ code: 'init_failed' });
    await expect(r.pool.acquire(version, never)).rejects.toMatchObject({ code: 'init_circuit_open' });
    clock.advance(80);
    const leases = await Promise.all([r.pool.acquire(version, never), r.pool.acquire(version, never)]);
    expect(leases).toHaveLength(2);
    for (const lease of leases) lease.release('healthy');
  });

  it.each([
    ['oom', 'out_of_memory'],
    ['exit', 'exited'],
    ['hang', 'init_timeout'],
  ] as const)('says why when the start ends with %s', async (init, code) => {
    const r = rig({ init: () => init });
    const version = versionOf({ initTimeoutMs: 100 });
    await expect(r.pool.acquire(version, never)).rejects.toMatchObject({ kind: 'function_error', code });
    await expect.poll(() => r.driver.live.length).toBe(0);
  });

  it.each([
    ['exits', { outOfMemory: false, code: 'start_failed', message: 'code 9' }],
    ['runs out of memory', { outOfMemory: true, code: 'out_of_memory', message: '128 MB' }],
  ])(
    'notices before the start times out that a sandbox %s before its agent says hello',
    async (_, { outOfMemory, code, message }) => {
      const agent: FakeScript['agent'] = (_channel, body) => {
        setTimeout(() => (outOfMemory ? body.outOfMemory() : body.exit(9)), 5);
      };
      const r = rig({ script: () => ({ agent }) });
      await expect(r.pool.acquire(versionOf(), never)).rejects.toMatchObject({
        code,
        message: expect.stringContaining(message),
      });
    },
  );

  it('refuses a version that no budget could hold, saying so', async () => {
    const r = rig({ settings: { memoryBudgetMb: 100 } });
    await expect(r.pool.acquire(versionOf(), never)).rejects.toMatchObject({ kind: 'unavailable', code: 'capacity' });
  });
});

describe('limits of the host', () => {
  it('evicts the least recently used idle instance of another version, never a busy one', async () => {
    const r = rig({ settings: { maxInstances: 2 } });
    const [a, b, c] = [versionOf(), versionOf(), versionOf()];
    const busy = await r.pool.acquire(a, never);
    await runOnce(r, b, {});
    const { outcome } = await runOnce(r, c, {});
    expect(outcome.kind).toBe('success');
    expect(busy.instance.state).toBe('busy');
    expect(r.pool.tryAcquire(b)).toBeUndefined();
    busy.release('healthy');
  });

  it('waits for room when everything is busy, and takes it when a lease ends', async () => {
    const r = rig({ settings: { memoryBudgetMb: 128 } });
    const [a, b] = [versionOf(), versionOf()];
    const held = await r.pool.acquire(a, never);
    const waiting = r.pool.acquire(b, never);
    await r.clock.sleep(20);
    expect(r.driver.created).toHaveLength(1);
    held.release('healthy');
    (await waiting).release('healthy');
    expect(r.driver.created).toHaveLength(2);
  });

  it('never exceeds maxInstances or the budget under random load of many versions', async () => {
    const r = rig({ settings: { maxInstances: 3, memoryBudgetMb: 400 }, script: () => ({ delayMs: { destroy: 3 } }) });
    let most = 0;
    const create = r.driver.create.bind(r.driver);
    r.driver.create = async (spec, signal) => {
      const sandbox = await create(spec, signal);
      most = Math.max(most, r.driver.live.length);
      return sandbox;
    };
    const all = Array.from({ length: 6 }, () => versionOf({ maxInstances: 3 }));
    const outcomes = await Promise.all(
      Array.from({ length: 120 }, (_, i) => runOnce(r, all[i % 6] as VersionSpec, { op: 'sleep', ms: i % 4 })),
    );
    expect(new Set(outcomes.map(({ outcome }) => outcome.kind))).toEqual(new Set(['success']));
    expect(most).toBeLessThanOrEqual(3);
  });

  it('opens the bundle of a version that is expected once, before its first start', async () => {
    const opened: string[] = [];
    const r = rig({ onOpen: async (digest) => void opened.push(digest) });
    const version = versionOf();
    r.pool.expect([version, version]);
    r.pool.expect([version]);
    expect(opened).toEqual([version.digest]);
    expect((await runOnce(r, version, {})).outcome.kind).toBe('success');
    r.pool.expect([version]);
    expect(opened).toEqual([version.digest]);
  });

  it('opens a bundle again when it could not be opened ahead', async () => {
    const opened: string[] = [];
    const r = rig({
      onOpen: async (digest) => {
        opened.push(digest);
        if (opened.length === 1) throw new Error('not there yet');
      },
    });
    const version = versionOf();
    r.pool.expect([version]);
    await setImmediate();
    expect((await runOnce(r, version, {})).outcome.kind).toBe('success');
    expect(opened).toEqual([version.digest, version.digest]);
  });

  it('ends idle instances after their idle time-out but keeps minInstances', async () => {
    const r = rig({ settings: { sweepIntervalMs: 20 } });
    await r.pool.start();
    const kept = versionOf({ minInstances: 1, idleTimeoutMs: 50 });
    const other = versionOf({ idleTimeoutMs: 50 });
    r.pool.provision([kept]);
    await expect.poll(() => r.driver.live.length).toBe(1);
    await runOnce(r, other, {});
    expect(r.driver.live).toHaveLength(2);
    await expect.poll(() => r.driver.live.length).toBe(1);
    expect((await runOnce(r, kept, {})).start).toBe('provisioned');
    expect((await runOnce(r, kept, {})).start).toBe('warm');
    r.driver.live[0]?.die();
    await expect.poll(() => r.driver.created.length).toBe(3);
    r.pool.provision([]);
    await expect.poll(() => r.driver.live.length).toBe(0);
    await expect.poll(() => r.pool.pools()).toEqual([]);
  });
});

describe('what happens inside', () => {
  it.each([
    ['exit', { kind: 'function-fault', fault: 'exited', message: expect.stringContaining('code 7') }],
    ['kill', { kind: 'function-fault', fault: 'exited', message: expect.stringContaining('SIGKILL') }],
    [
      'oom',
      { kind: 'function-fault', fault: 'out-of-memory', message: expect.stringContaining('used more than 128 MB') },
    ],
    ['garbage', { kind: 'platform-fault', fault: 'protocol' }],
    ['throw', { kind: 'function-error', message: 'thrown' }],
  ])('tells %s apart', async (op, expected) => {
    const r = rig();
    const version = versionOf();
    expect((await runOnce(r, version, { op })).outcome).toMatchObject(expected);
    const next = await runOnce(r, version, { value: 'next' });
    expect(next.sink.json.value).toBe('next');
  });

  it('keeps an instance whose call stops within the grace, without giving its slot away before', async () => {
    const r = rig();
    const version = versionOf();
    const lease = await r.pool.acquire(version, never);
    const { result } = call(r, lease, { op: 'hang' }, 30);
    expect((await result).outcome).toMatchObject({ kind: 'function-fault', fault: 'timeout' });
    lease.release('healthy');
    await r.clock.sleep(100);
    expect((await runOnce(r, version, {})).id).toBe(lease.instance.id);
  });

  it('gives a call that waits another instance within the grace, and one of the two ends when the first recovers', async () => {
    const r = rig({ cancelGraceMs: 60_000 });
    const version = versionOf({ maxInstances: 1 });
    const late = await r.pool.acquire(version, never);
    // A sleeper does not watch its signal, but comes to an end.
    const { result } = call(r, late, { op: 'sleep', ms: 400 }, 30);
    const waiting = r.pool.acquire(version, never);
    expect((await result).outcome).toMatchObject({ fault: 'timeout' });
    late.release('healthy');
    const next = await waiting;
    expect(next.instance.id).not.toBe(late.instance.id);
    expect(late.instance.state).toBe('idle');
    await expect.poll(() => late.instance.state).toBe('dead');
    expect(next.instance.state).toBe('busy');
    next.release('healthy');
    expect((await runOnce(r, version, {})).id).toBe(next.instance.id);
    expect(r.driver.created).toHaveLength(2);
  });

  it('starts nothing in place of an instance whose callers left while they had time', async () => {
    const r = rig();
    const version = versionOf({ maxInstances: 1 });
    const lease = await r.pool.acquire(version, never);
    const caller = new AbortController();
    const { result } = call(r, lease, { op: 'sleep', ms: 100 }, 30_000, caller.signal);
    const waiting = r.pool.acquire(version, never);
    caller.abort();
    expect((await result).outcome.kind).toBe('cancelled');
    lease.release('healthy');
    const next = await waiting;
    expect(next.instance.id).toBe(lease.instance.id);
    next.release('healthy');
    expect(r.driver.created).toHaveLength(1);
  });

  it('takes a stuck instance out at once, lets its other calls finish, then destroys it', async () => {
    const r = rig({ cancelGraceMs: 30 });
    const version = versionOf({ concurrency: 2 });
    const stuckLease = await r.pool.acquire(version, never);
    const otherLease = await r.pool.acquire(version, never);
    expect(otherLease.instance.id).toBe(stuckLease.instance.id);
    const stuck = call(r, stuckLease, { op: 'stubborn' }, 20);
    const other = call(r, otherLease, { op: 'sleep', ms: 250, value: 'other' });
    expect((await stuck.result).outcome).toMatchObject({ fault: 'timeout' });
    stuckLease.release('healthy');
    expect(r.pool.tryAcquire(version)).toBeUndefined();
    await r.clock.sleep(60);
    expect(stuckLease.instance.state).toBe('draining');
    expect((await other.result).outcome.kind).toBe('success');
    otherLease.release('healthy');
    await expect.poll(() => r.driver.live.length).toBe(0);
  });

  it('lets a call whose caller left go on until its deadline before it costs the instance', async () => {
    const r = rig({ cancelGraceMs: 20 });
    const version = versionOf();
    const lease = await r.pool.acquire(version, never);
    const caller = new AbortController();
    const { result } = call(r, lease, { op: 'stubborn' }, 150, caller.signal);
    caller.abort();
    expect((await result).outcome.kind).toBe('cancelled');
    lease.release('healthy');
    await r.clock.sleep(60);
    expect(lease.instance.state).toBe('idle');
    expect(r.pool.tryAcquire(version)).toBeUndefined();
    await expect.poll(() => r.driver.live.length).toBe(0);
  });

  it('attributes raw output to the only call in flight', async () => {
    const r = rig();
    const lease = await r.pool.acquire(versionOf(), never);
    const { invocation, result } = call(r, lease, { op: 'print', value: 'hello' });
    await result;
    lease.release('healthy');
    expect(r.lines).toContainEqual(
      expect.objectContaining({
        text: 'hello',
        stream: 'stdout',
        invocationId: invocation.id,
        instanceId: lease.instance.id,
      }),
    );
  });
});

describe('what instances move through network and disk', () => {
  it('is counted once for each version, as the difference between samples', async () => {
    const steps = [100, 100, 350, 350, 1000];
    let asked = 0;
    const usage = () => {
      const bytes = steps[Math.min(asked++, steps.length - 1)] ?? 0;
      const io = { networkReceivedBytes: bytes, networkSentBytes: 2 * bytes, diskReadBytes: 0, diskWrittenBytes: 7 };
      return { cpuMs: 0, memoryBytes: 1, peakMemoryBytes: 1, pids: 1, io };
    };
    const r = rig({ settings: { usageIntervalMs: 2 }, script: () => ({ usage }) });
    const version = versionOf();
    r.pool.start();
    const lease = await r.pool.acquire(version, never);
    await expect.poll(() => asked).toBeGreaterThan(steps.length);
    lease.release('healthy');
    const moved = r.events.flatMap((event) => (event.kind === 'instance-io' ? [event] : []));
    expect(moved.map((event) => event.version.versionId)).toEqual([1, 2, 3].map(() => version.versionId));
    expect(moved.map((event) => event.io.networkReceivedBytes)).toEqual([100, 250, 650]);
    expect(moved.map((event) => event.io.networkSentBytes)).toEqual([200, 500, 1300]);
    expect(moved.map((event) => event.io.diskWrittenBytes)).toEqual([7, 0, 0]);
    // What it holds is told at each look while it runs something; afterwards once in sixty looks.
    const held = () => r.events.flatMap((event) => (event.kind === 'instance-memory' ? [event] : []));
    const whileBusy = held();
    expect(whileBusy.length).toBeGreaterThanOrEqual(steps.length);
    expect(new Set(whileBusy.map(({ version: of, bytes }) => `${of.versionId} ${bytes}`))).toEqual(
      new Set([`${version.versionId} 1`]),
    );
  });
});

describe('retiring and draining', () => {
  it('lets background work of an answered call finish, without a slot, before an instance goes', async () => {
    const r = rig();
    const version = versionOf();
    const beganMs = r.clock.monotonic();
    const first = await runOnce(r, version, { op: 'background', ms: 150 });
    expect(first.outcome.kind).toBe('success');
    expect((await runOnce(r, version, {})).id).toBe(first.id);
    await r.pool.retireVersion(version.versionId, 'replaced');
    // All of the work, whatever else took time; without it, it is milliseconds.
    expect(r.clock.monotonic() - beganMs).toBeGreaterThan(140);
    expect(r.driver.live).toEqual([]);
  });

  it('fails no call when a version is replaced under load', async () => {
    const r = rig({ initDelayMs: 5 });
    const old = versionOf({ maxInstances: 4 });
    const next = versionOf(
      { maxInstances: 4 },
      { functionId: old.functionId, functionName: old.functionName, version: 2 },
    );
    let live = old;
    const outcomes: string[] = [];
    const load = Array.from({ length: 8 }, async () => {
      for (let i = 0; i < 40; i++) outcomes.push((await runOnce(r, live, { op: 'sleep', ms: 2 })).outcome.kind);
    });
    await r.clock.sleep(60);
    live = next;
    await r.pool.retireVersion(old.versionId, 'replaced');
    await Promise.all(load);
    expect(outcomes).toHaveLength(320);
    expect(new Set(outcomes)).toEqual(new Set(['success']));
    const ofOld = () => r.pool.pools().filter((view) => view.version === old && view.instances.length > 0);
    await expect.poll(ofOld).toEqual([]);
  });

  it('ends what was starting when a version was replaced and is needed by nobody, and does not wait for it', async () => {
    const r = rig({ initDelayMs: 200 });
    const version = versionOf({ maxInstances: 2 });
    const first = await r.pool.acquire(version, never);
    const waiting = r.pool.acquire(version, never);
    await expect.poll(() => r.driver.created.length).toBe(2);
    // Another one starts for the call that gets the first.
    first.release('healthy');
    const second = await waiting;
    expect(second.instance.id).toBe(first.instance.id);
    const retired = r.pool.retireVersion(version.versionId, 'replaced');
    second.release('healthy');
    await retired;
    await expect.poll(() => r.driver.live).toEqual([]);
    expect(r.driver.created).toHaveLength(2);
  });

  it('keeps what was starting when a version was replaced and is called again', async () => {
    const r = rig({ initDelayMs: 200 });
    const version = versionOf({ maxInstances: 1 });
    const waiting = r.pool.acquire(version, never);
    await r.pool.retireVersion(version.versionId, 'replaced');
    const again = r.pool.acquire(version, never);
    (await waiting).release('healthy');
    const lease = await again;
    lease.release('healthy');
    const warm = r.pool.tryAcquire(version);
    expect(warm?.instance.id).toBe(lease.instance.id);
    warm?.release('healthy');
  });

  it('does not wait for calls that were given up and go on inside', async () => {
    const r = rig({ cancelGraceMs: 600_000 });
    const version = versionOf({ concurrency: 2 });
    const lease = await r.pool.acquire(version, never);
    expect((await call(r, lease, { op: 'stubborn' }, 20).result).outcome).toMatchObject({ fault: 'timeout' });
    lease.release('healthy');
    expect(lease.instance.state).toBe('idle');
    // Longer than this test may take.
    await r.pool.drain(r.clock.now() + 600_000);
    expect(r.driver.live).toEqual([]);
  });

  it('waits for running calls until the deadline, then ends them as shutting-down', async () => {
    const r = rig();
    const version = versionOf({ maxInstances: 2 });
    const [short, long] = [await r.pool.acquire(version, never), await r.pool.acquire(version, never)];
    const finishing = call(r, short, { op: 'sleep', ms: 30 });
    const hanging = call(r, long, { op: 'stubborn' });
    void finishing.result.then(() => short.release('healthy'));
    const waiting = r.pool.acquire(version, never);
    const refused = expect(waiting).rejects.toMatchObject({ kind: 'unavailable', code: 'draining' });
    await r.pool.drain(r.clock.now() + 150);
    await refused;
    expect((await finishing.result).outcome.kind).toBe('success');
    expect((await hanging.result).outcome).toMatchObject({
      kind: 'platform-fault',
      fault: 'shutting-down',
      retryable: true,
    });
    await expect(r.pool.acquire(version, never)).rejects.toMatchObject({ code: 'draining' });
  });
});
