import { afterEach, describe, expect, it } from 'vitest';
import type { VersionSpec } from '../../backend/core/version.ts';
import type { InvocationId } from '../../shared/ids.ts';
import { newId } from '../../shared/ids.ts';
import { versionOf } from '../fakes/pool-rig.ts';
import { callOf, itemOf, type SchedulerRig, type SchedulerRigOptions, schedulerRig } from '../fakes/scheduler-rig.ts';

const rigs: SchedulerRig[] = [];
async function rig(options: SchedulerRigOptions = {}): Promise<SchedulerRig> {
  const made = await schedulerRig(options);
  rigs.push(made);
  return made;
}
afterEach(async () => {
  for (const { close } of rigs.splice(0)) await close();
});

const refusalsOf = ({ events }: SchedulerRig) =>
  events.flatMap((event) => (event.kind === 'refusal' ? [event.reason] : []));

const quickRetry = { maxAttempts: 3, maxAgeMs: 60_000, minBackoffMs: 10, maxBackoffMs: 20 };

describe('synchronous calls', () => {
  it('answers, reports where the time went, and records without a database', async () => {
    const r = await rig();
    const version = versionOf();
    const cold = callOf(r, version, { value: 1 });
    const first = await cold.report;
    expect(first).toMatchObject({ outcome: { kind: 'success' }, start: 'cold' });
    expect(first.timing.totalMs).toBeGreaterThanOrEqual(first.timing.acquireMs);
    const warm = callOf(r, version, { value: 2 });
    expect(await warm.report).toMatchObject({
      outcome: { kind: 'success' },
      start: 'warm',
      timing: { bootMs: 0, loadMs: 0, initMs: 0 },
    });
    expect(warm.sink.json.value).toBe(2);
    expect(r.records.map(({ record }) => record.status)).toEqual(['success', 'success']);
    expect(r.records[1]?.payload?.payload?.toString()).toBe('{"value":2}');
    expect(JSON.parse(r.records[1]?.payload?.result?.toString() ?? '')).toMatchObject({ value: 2 });
    expect(r.events.filter((event) => event.kind === 'invocation')).toHaveLength(2);
    expect(r.scheduler.stats()).toMatchObject({ inFlight: 0, queued: 0 });
  });

  it('runs exactly the limit, queues up to the bound, and throttles the rest with Retry-After', async () => {
    const r = await rig({ scheduler: { maxQueuedPerFunction: 10 } });
    const version = versionOf({ maxInstances: 4 });
    const calls = Array.from({ length: 1000 }, () => callOf(r, version, { op: 'sleep', ms: 5 }));
    const settled = await Promise.allSettled(calls.map(({ report }) => report));
    const served = settled.filter((result) => result.status === 'fulfilled');
    expect(served).toHaveLength(14);
    for (const result of settled) {
      if (result.status === 'rejected') {
        expect(result.reason).toMatchObject({ kind: 'throttled', code: 'concurrency_limit', retryAfterSeconds: 1 });
      }
    }
    expect(r.events.filter(({ kind }) => kind === 'throttle')).toHaveLength(986);
    expect(r.counts.maxInside).toBe(4);
    expect(r.driver.created).toHaveLength(4);
  });

  it('lets a function through at once although another one has a long queue', async () => {
    const r = await rig({ scheduler: { maxConcurrentInvocations: 2 } });
    const [busy, quick] = [versionOf({ maxInstances: 10 }), versionOf()];
    const order: string[] = [];
    const flood = Array.from({ length: 50 }, () =>
      callOf(r, busy, { op: 'sleep', ms: 3 }).report.then(() => order.push('busy')),
    );
    const late = callOf(r, quick, {}).report.then(() => order.push('quick'));
    await Promise.all([...flood, late]);
    expect(order.indexOf('quick')).toBeLessThan(12);
  });

  it('honours deadline and disconnect of a call that waits', async () => {
    const r = await rig();
    const version = versionOf({ maxInstances: 1 });
    const running = callOf(r, version, { op: 'sleep', ms: 200 });
    const tooLate = callOf(r, version, {}, { deadlineAt: r.clock.now() + 40 });
    const gone = callOf(r, version, {});
    gone.caller.abort();
    expect(await gone.report).toMatchObject({ outcome: { kind: 'cancelled' }, start: 'none' });
    expect(await tooLate.report).toMatchObject({
      outcome: { kind: 'platform-fault', fault: 'capacity', retryable: true },
    });
    expect(tooLate.sink.heads).toEqual([]);
    expect((await running.report).outcome.kind).toBe('success');
    expect(r.scheduler.stats()).toMatchObject({ inFlight: 0, queued: 0 });
  });

  it('tells what a version that does not start did, and refuses while the circuit is open', async () => {
    const r = await rig({ init: () => 'fail' });
    const version = versionOf();
    for (let i = 0; i < 5; i++) {
      expect((await callOf(r, version, {}).report).outcome).toMatchObject({
        kind: 'function-fault',
        fault: 'init-failed',
      });
    }
    await expect(callOf(r, version, {}).report).rejects.toMatchObject({
      kind: 'unavailable',
      code: 'init_circuit_open',
    });
    expect(r.records).toHaveLength(6);
    expect(r.scheduler.stats().inFlight).toBe(0);
  });

  it('refuses a chain of calls that is too deep', async () => {
    const r = await rig();
    await expect(callOf(r, versionOf(), {}, { depth: 17 }).report).rejects.toMatchObject({
      kind: 'loop_detected',
      code: 'recursion_limit',
    });
    expect((await callOf(r, versionOf(), {}, { depth: 16 }).report).outcome.kind).toBe('success');
    await expect(r.scheduler.submit(itemOf(versionOf(), {}, r.clock, { depth: 17 }))).rejects.toMatchObject({
      code: 'recursion_limit',
    });
    expect(refusalsOf(r)).toEqual(['loop_detected', 'loop_detected']);
  });

  it('cancels a running API call by its id', async () => {
    const r = await rig();
    const call = callOf(r, versionOf(), { op: 'hang' });
    await expect.poll(() => r.counts.inside).toBe(1);
    expect(await r.scheduler.cancel(call.invocation.id)).toBe(true);
    expect((await call.report).outcome.kind).toBe('cancelled');
    expect(await r.scheduler.cancel(call.invocation.id)).toBe(false);
  });

  it('drains: finishes what runs, refuses what comes', async () => {
    const r = await rig();
    const running = callOf(r, versionOf(), { op: 'sleep', ms: 60 });
    await expect.poll(() => r.counts.inside).toBe(1);
    const drained = r.scheduler.drain(r.clock.now() + 5000);
    await expect(callOf(r, versionOf(), {}).report).rejects.toMatchObject({ kind: 'unavailable', code: 'draining' });
    await drained;
    expect((await running.report).outcome.kind).toBe('success');
    expect(refusalsOf(r)).toEqual(['unavailable']);
  });

  it('refuses at the end of a drain what still waits for its turn, counts it, and tells callers of what still runs', async () => {
    const r = await rig({ scheduler: { maxConcurrentInvocations: 1 } });
    const version = versionOf();
    const running = callOf(r, version, { op: 'hang' });
    await expect.poll(() => r.counts.inside).toBe(1);
    const waiting = callOf(r, version, {});
    await r.scheduler.drain(r.clock.now());
    await expect(waiting.report).rejects.toMatchObject({ code: 'draining' });
    expect(refusalsOf(r)).toEqual(['unavailable']);
    expect((await running.report).outcome).toMatchObject({ fault: 'shutting-down', retryable: true });
  });
});

describe('batches', () => {
  const batching = { maxInstances: 1, batch: { maxSize: 8, windowMs: 20, maxBytes: 1_000_000 } };

  it('sends a call at once when the function is idle, and together those that wait', async () => {
    const r = await rig();
    const version = versionOf(batching);
    expect((await callOf(r, version, { value: 0 }).report).outcome.kind).toBe('success');
    const first = callOf(r, version, { op: 'sleep', ms: 30, value: 'first' });
    const rest = Array.from({ length: 7 }, (_, value) => callOf(r, version, { value }));
    const reports = await Promise.all([first.report, ...rest.map(({ report }) => report)]);
    expect(reports.map(({ outcome }) => outcome.kind)).toEqual(Array(8).fill('success'));
    expect(rest.map(({ sink }) => sink.json.value)).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(r.counts.batches).toEqual([7]);
    const told = r.events.flatMap((event) => (event.kind === 'batch' ? [event] : []));
    expect(told.map(({ size }) => size)).toEqual([1, 1, 7]);
    // The third waited for the call that slept, the second for nothing.
    expect(told[2]?.waitMs).toBeGreaterThan(told[1]?.waitMs ?? Number.POSITIVE_INFINITY);
  });

  it('fails one bad item alone and lets one member leave', async () => {
    const r = await rig();
    const version = versionOf(batching);
    await callOf(r, version, {}).report;
    const first = callOf(r, version, { op: 'sleep', ms: 40 });
    const good = callOf(r, version, { value: 'good' });
    const bad = callOf(r, version, { op: 'throw' });
    const leaves = callOf(r, version, { value: 'leaves' });
    leaves.caller.abort();
    expect((await leaves.report).outcome.kind).toBe('cancelled');
    expect((await bad.report).outcome).toMatchObject({ kind: 'function-error', message: 'thrown' });
    expect((await good.report).outcome.kind).toBe('success');
    await first.report;
    expect(r.counts.batches).toEqual([2]);
    expect(r.scheduler.stats().inFlight).toBe(0);
  });

  it('keeps a batch below maxBytes, and lets what is larger travel alone', async () => {
    const r = await rig();
    const version = versionOf({ ...batching, batch: { ...batching.batch, maxBytes: 250 } });
    await callOf(r, version, {}).report;
    const first = callOf(r, version, { op: 'sleep', ms: 60 });
    const calls = Array.from({ length: 4 }, () => callOf(r, version, { value: 'x'.repeat(100) }));
    const large = callOf(r, version, { value: 'x'.repeat(400) });
    for (const call of [first, ...calls, large]) expect((await call.report).outcome.kind).toBe('success');
    // 111 bytes each: two fit.
    expect(r.counts.batches).toEqual([2, 2]);
    expect(r.scheduler.stats().inFlight).toBe(0);
  });

  it('never makes a member miss its deadline for the sake of company', async () => {
    const r = await rig();
    const version = versionOf({ maxInstances: 2, batch: { maxSize: 8, windowMs: 5000, maxBytes: 1_000_000 } });
    const first = callOf(r, version, { op: 'sleep', ms: 1200 });
    await expect.poll(() => r.counts.inside).toBe(1);
    const hurried = callOf(r, version, { value: 1 }, { deadlineAt: r.clock.now() + 1000 });
    expect((await hurried.report).outcome.kind).toBe('success');
    await first.report;
  });
});

async function statusOf(r: SchedulerRig, id: InvocationId): Promise<string | undefined> {
  return (await r.store.invocations.find(id))?.status;
}

async function submit(r: SchedulerRig, version: VersionSpec, event: unknown, more = {}): Promise<InvocationId> {
  if (!r.directory.versions.includes(version)) r.directory.versions.push(version);
  return (await r.scheduler.submit(itemOf(version, event, r.clock, more))).id;
}

describe('a caller who gives up during a start', () => {
  it.each([
    ['alone', {}],
    ['in a batch', { batch: { maxSize: 4, windowMs: 1, maxBytes: 1000 } }],
  ])('%s is told how long each step took, as far as it came', async (_name, config) => {
    const r = await rig({ initDelayMs: 2000 });
    const version = versionOf(config);
    const { caller, report } = callOf(r, version, {});
    await expect.poll(() => r.pool.startUnderWay(version)?.initMs ?? 0).toBeGreaterThan(20);
    caller.abort();
    const { outcome, start, timing } = await report;
    expect([outcome.kind, start]).toEqual(['cancelled', 'none']);
    expect(timing.initMs).toBeGreaterThan(20);
    expect(timing.bootMs).toBeGreaterThan(0);
    expect(timing.bootMs + timing.loadMs + timing.initMs).toBeLessThanOrEqual(timing.acquireMs);
  });

  it('or whose deadline passes, is told that the instance was still starting', async () => {
    const r = await rig({ initDelayMs: 2000 });
    const { report } = callOf(
      r,
      versionOf({ batch: { maxSize: 4, windowMs: 1, maxBytes: 1000 } }),
      {},
      { deadlineAt: r.clock.now() + 300 },
    );
    expect((await report).outcome).toMatchObject({
      fault: 'capacity',
      message: expect.stringContaining('still starting'),
    });
  });
});

describe('the durable queue', () => {
  it('runs what was submitted and keeps its result', async () => {
    const r = await rig();
    await r.scheduler.start();
    const id = await submit(r, versionOf(), { value: 42 });
    await expect.poll(() => statusOf(r, id)).toBe('success');
    const found = await r.store.invocations.find(id);
    expect(JSON.parse(found?.result?.toString() ?? '')).toMatchObject({ value: 42 });
    expect(found).toMatchObject({ attempts: 1, start: 'cold' });
  });

  it('retries with back-off, then keeps a dead letter with the reason', async () => {
    const r = await rig();
    await r.scheduler.start();
    const id = await submit(r, versionOf({ retry: quickRetry }), { op: 'throw' });
    await expect.poll(() => statusOf(r, id)).toBe('dead-letter');
    expect(r.counts.invoked).toBe(3);
    const { items } = await r.store.invocations.deadLetters({}, { limit: 10, cursor: undefined });
    expect(items).toMatchObject([{ reason: 'attempts-exhausted', invocation: { id, attempts: 3 } }]);
    expect(r.events.filter((event) => event.kind === 'retry')).toHaveLength(2);
    expect(r.events.filter((event) => event.kind === 'dead-letter')).toHaveLength(1);
  });

  it('never runs more than the function may, nor starts more instances, however many wait', async () => {
    const r = await rig({ scheduler: { asyncConcurrency: 20 } });
    await r.scheduler.start();
    const version = versionOf({ maxInstances: 3 });
    const ids = await Promise.all(Array.from({ length: 60 }, () => submit(r, version, { op: 'sleep', ms: 2 })));
    for (const id of ids) await expect.poll(() => statusOf(r, id)).toBe('success');
    expect(r.counts.maxInside).toBeLessThanOrEqual(3);
    expect(r.driver.created.length).toBeLessThanOrEqual(3);
    expect(r.counts.invoked).toBe(60);
  });

  it('makes a dead letter of what belongs to a function that is gone, without running it', async () => {
    const r = await rig();
    const version = versionOf();
    const id = await submit(r, version, {});
    r.directory.versions.splice(0, 1, versionOf({}, { functionName: version.functionName }));
    await r.scheduler.start();
    await expect.poll(() => statusOf(r, id)).toBe('dead-letter');
    const { items } = await r.store.invocations.deadLetters({}, { limit: 10, cursor: undefined });
    expect(items[0]?.reason).toBe('function-deleted');
    expect(r.counts.invoked).toBe(0);
  });

  it('gives up what is too old', async () => {
    const r = await rig();
    const id = await submit(r, versionOf(), {}, { expiresAt: r.clock.now() - 1 });
    await r.scheduler.start();
    await expect.poll(() => statusOf(r, id)).toBe('dead-letter');
    expect(r.counts.invoked).toBe(0);
  });

  it('cancels one that waits and one that runs', async () => {
    const r = await rig();
    await r.scheduler.start();
    const version = versionOf();
    const waiting = await submit(r, version, {}, { runAt: r.clock.now() + 60_000 });
    expect(await r.scheduler.cancel(waiting)).toBe(true);
    expect(await statusOf(r, waiting)).toBe('cancelled');
    const running = await submit(r, version, { op: 'hang' });
    await expect.poll(() => r.counts.inside).toBe(1);
    expect(await r.scheduler.cancel(running)).toBe(true);
    await expect.poll(() => statusOf(r, running)).toBe('cancelled');
    expect(await r.scheduler.cancel(newId('invocation'))).toBe(false);
  });

  it('keeps the lease of a long attempt alive', async () => {
    // A process that has no processor for so long has lost its lease for good reason.
    const r = await rig({ scheduler: { leaseMs: 800 } });
    await r.scheduler.start();
    const id = await submit(r, versionOf(), { op: 'sleep', ms: 2000 });
    await expect.poll(() => statusOf(r, id)).toBe('success');
    expect(r.counts.invoked).toBe(1);
  });

  it('gives back what runs when the platform drains, without counting the attempt; the next process runs it', async () => {
    const r = await rig();
    await r.scheduler.start();
    const version = versionOf();
    const id = await submit(r, version, { op: 'sleep', ms: 300 });
    await expect.poll(() => r.counts.inside).toBe(1);
    await r.scheduler.drain(r.clock.now());
    const found = await r.store.invocations.find(id);
    expect(found).toMatchObject({ status: 'queued', attempts: 0 });
    const next = r.makeScheduler('second');
    await next.start();
    await expect.poll(() => statusOf(r, id)).toBe('success');
    await next.drain(r.clock.now());
  });

  it('drops and counts the result of an attempt that another process has taken over', async () => {
    const r = await rig();
    await r.scheduler.start();
    const id = await submit(r, versionOf({ maxInstances: 2 }), { op: 'sleep', ms: 1000 });
    await expect.poll(() => r.counts.inside).toBe(1);
    const second = r.makeScheduler('second');
    await second.start();
    await expect.poll(() => r.counts.inside).toBe(2);
    const lateResults = () => r.events.filter(({ kind }) => kind === 'late-result');
    await expect.poll(lateResults).toHaveLength(1);
    await expect.poll(() => statusOf(r, id)).toBe('success');
    expect((await r.store.invocations.find(id))?.attempts).toBe(2);
    await second.drain(r.clock.now());
    expect(lateResults()).toHaveLength(1);
  });

  it('takes over what a process that is gone had claimed', async () => {
    const r = await rig();
    const id = await submit(r, versionOf(), { value: 1 });
    const lost = await r.store.queue.claim('dead process', 10, 3_600_000, r.clock.now());
    expect(lost).toHaveLength(1);
    await r.scheduler.start();
    await expect.poll(() => statusOf(r, id)).toBe('success');
    expect((await r.store.invocations.find(id))?.attempts).toBe(2);
  });
});
