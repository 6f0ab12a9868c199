import { afterEach, describe, expect, it } from 'vitest';
import { newId } from '../../shared/ids.ts';
import { ManualClock, settle } from '../../tests/fakes/manual-clock.ts';
import { invocationOf, KeepingSink, versionOf } from '../../tests/fakes/pool-rig.ts';
import type { InstanceCall, InstancePool, InstanceResult, Lease } from '../core/ports/instance-pool.ts';
import type { FunctionLoad } from './admission.ts';
import { Coalescer } from './coalescer.ts';
import { outcomeOfWait, reportOfResult, reportWithoutInstance } from './reports.ts';
import { SyncRun } from './sync-run.ts';

const clocks: ManualClock[] = [];
afterEach(() => {
  for (const clock of clocks.splice(0)) expect(clock.pendingTimers).toBe(0);
});

/** A coalescer over one instance that the test frees and hands out. */
function rig() {
  const clock = new ManualClock();
  clocks.push(clock);
  const version = versionOf({ maxInstances: 1, batch: { maxSize: 8, windowMs: 1000, maxBytes: 1000 } });
  // Something runs already, so that nobody goes at once.
  const load: FunctionLoad = {
    functionId: version.functionId,
    inFlight: 100,
    reserved: 0,
    limit: 1000,
    weight: 10,
    expectedMs: 1,
  };
  const state = { isFree: false, askedAt: [] as number[] };
  const batches: number[] = [];
  const wanted: ((lease: Lease) => void)[] = [];
  const resultOf = ({ sink }: InstanceCall): Promise<InstanceResult> => {
    sink.head({ status: 200, headers: [], isEventResult: true });
    const numbers = { firstByteMs: 0, handlerMs: 1, cpuMs: 0, peakMemoryBytes: 0, requestBytes: 0, responseBytes: 0 };
    return Promise.resolve({
      outcome: { kind: 'success' },
      startedMs: clock.monotonic(),
      httpStatus: 200,
      ...numbers,
    });
  };
  const lease: Lease = {
    instance: {
      id: newId('instance'),
      version,
      state: 'busy',
      inFlight: 0,
      invoke: resultOf,
      invokeBatch: (calls) => calls.map(resultOf),
    },
    start: 'warm',
    phases: { acquireMs: 0, bootMs: 0, loadMs: 0, initMs: 0 },
    release: () => undefined,
  };
  const pool = {
    tryAcquire: () => (state.isFree ? lease : undefined),
    acquire: () => {
      state.askedAt.push(clock.monotonic());
      return new Promise<Lease>((resolve) => wanted.push(resolve));
    },
  } as unknown as InstancePool;
  const coalescer = new Coalescer({
    pool,
    clock,
    onBatch: (_, size) => batches.push(size),
    completed: (run, used, result) => reportOfResult(run, used, result, clock.monotonic()),
    failed: (run) => reportWithoutInstance(run, outcomeOfWait(run), clock.monotonic()),
  });
  const call = (timeoutMs = 60_000) => {
    const sink = new KeepingSink();
    const caller = new AbortController();
    const run = new SyncRun({
      invocation: invocationOf(version, {}, clock, { deadlineAt: clock.now() + timeoutMs }),
      sink,
      signal: caller.signal,
      nowMs: clock.monotonic(),
      maxRecordedBytes: 0,
      onFinished: () => undefined,
      onRefused: () => undefined,
    });
    run.load = load;
    return { caller, sink, report: coalescer.run(run) };
  };
  const give = () => wanted.shift()?.(lease);
  return { clock, version, coalescer, state, batches, call, give };
}

describe('Coalescer', () => {
  it('asks for an instance when the window of the first is over', async () => {
    const r = rig();
    const calls = [r.call(), r.call()];
    r.clock.advance(999);
    expect(r.state.askedAt).toEqual([]);
    r.clock.advance(1);
    expect(r.state.askedAt).toEqual([1000]);
    r.give();
    for (const { report } of calls) expect((await report).outcome.kind).toBe('success');
    expect(r.batches).toEqual([2]);
  });

  it('asks as early as whoever has the least time needs it, and keeps one timer for that', async () => {
    const r = rig();
    const patient = r.call();
    const timersOfOne = r.clock.pendingTimers;
    const hurried = [r.call(800), r.call(400), r.call(600)];
    // Each has the timer of its deadline; the window has one for all.
    expect(r.clock.pendingTimers).toBe(timersOfOne + hurried.length);
    r.clock.advance(200);
    expect(r.state.askedAt).toEqual([200]);
    r.give();
    for (const { report } of [patient, ...hurried]) expect((await report).outcome.kind).toBe('success');
  });

  it('leaves no timer behind when a slot becomes free before the window is over', async () => {
    const r = rig();
    const calls = [r.call(), r.call(500)];
    r.state.isFree = true;
    r.coalescer.slotFreed(r.version.versionId);
    for (const { report } of calls) expect((await report).outcome.kind).toBe('success');
    expect(r.batches).toEqual([2]);
    expect(r.clock.pendingTimers).toBe(0);
  });

  it('forgets a group that everybody has left', async () => {
    const r = rig();
    const calls = [r.call(), r.call(500)];
    for (const { caller } of calls) caller.abort();
    for (const { report } of calls) expect((await report).outcome.kind).toBe('cancelled');
    await settle();
    expect(r.state.askedAt).toEqual([]);
    expect(r.clock.pendingTimers).toBe(0);
  });
});
