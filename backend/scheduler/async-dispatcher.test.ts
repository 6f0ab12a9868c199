import { afterEach, describe, expect, it } from 'vitest';
import type { InvocationOutcome } from '../../shared/invocation.ts';
import { ManualClock } from '../../tests/fakes/manual-clock.ts';
import { MemoryQueue } from '../../tests/fakes/memory-queue.ts';
import { quietLogger, versionOf } from '../../tests/fakes/pool-rig.ts';
import { itemOf, ListDirectory } from '../../tests/fakes/scheduler-rig.ts';
import type { MetricEvent } from '../core/ports/metrics-sink.ts';
import type { VersionSpec } from '../core/version.ts';
import { AsyncDispatcher } from './async-dispatcher.ts';
import { reportWithoutInstance } from './reports.ts';
import type { Run } from './run.ts';

const leaseMs = 15_000;

/** A dispatcher whose attempts end when the test says so. */
function rig(asyncConcurrency = 4) {
  const clock = new ManualClock();
  const queue = new MemoryQueue();
  const directory = new ListDirectory();
  const attempts: { readonly run: Run; readonly end: (outcome: InvocationOutcome) => void }[] = [];
  const events: MetricEvent[] = [];
  const dispatcher = new AsyncDispatcher({
    queue,
    directory,
    clock,
    metrics: { record: (event) => void events.push(event), flush: () => Promise.resolve() },
    logger: quietLogger,
    owner: 'me',
    settings: { asyncConcurrency, leaseMs, maxStoredResultBytes: 1000 },
    start: (run) =>
      new Promise((resolve) => {
        const end = (outcome: InvocationOutcome) => resolve(reportWithoutInstance(run, outcome, clock.monotonic()));
        attempts.push({ run, end });
        run.signal.addEventListener('abort', () => end({ kind: 'cancelled', message: 'aborted' }));
      }),
  });
  const add = async (version: VersionSpec, count = 1) => {
    directory.versions.push(version);
    for (let i = 0; i < count; i++) await queue.enqueue(itemOf(version, {}, clock));
  };
  toClose.push({ dispatcher, clock });
  return { clock, queue, directory, dispatcher, attempts, events, add };
}
const toClose: { readonly dispatcher: AsyncDispatcher; readonly clock: ManualClock }[] = [];
const success: InvocationOutcome = { kind: 'success' };
const lateResults = (events: readonly MetricEvent[]) => events.filter(({ kind }) => kind === 'late-result');

afterEach(async () => {
  for (const { dispatcher, clock } of toClose.splice(0)) {
    const drained = dispatcher.drain(clock.now());
    await clock.advanceAsync(5000);
    await drained;
    expect(clock.pendingTimers).toBe(0);
  }
});

describe('AsyncDispatcher', () => {
  it('leaves room for other functions however long the backlog of one is', async () => {
    const r = rig(4);
    const [hog, other] = [versionOf(), versionOf()];
    await r.add(hog, 20);
    await r.dispatcher.start();
    await r.clock.advanceAsync(1);
    expect(r.attempts).toHaveLength(2);
    await r.add(other);
    await r.clock.advanceAsync(1);
    expect(r.attempts.map(({ run }) => run.version)).toEqual([hog, hog, other]);
    for (const attempt of r.attempts) attempt.end(success);
    await r.clock.advanceAsync(1);
    expect(r.attempts.slice(3).map(({ run }) => run.version)).toEqual([hog, hog]);
  });

  it('counts the wait of an attempt since it was due', async () => {
    const r = rig();
    await r.add(versionOf());
    await r.clock.advanceAsync(3000);
    await r.dispatcher.start();
    await r.clock.advanceAsync(1);
    r.attempts[0]?.end({ kind: 'function-error', type: 'E', message: '', stack: '' });
    await r.clock.advanceAsync(1);
    const [first] = r.queue.settled;
    if (first?.disposition.kind !== 'retry') throw new Error('it was to be tried again');
    // A clock that is set while it waits moves the time at which it is due.
    r.clock.jumpTo(first.disposition.runAt + 500);
    r.dispatcher.wake();
    await r.clock.advanceAsync(0);
    expect(r.attempts.map(({ run }) => run.admittedMs - run.enteredMs)).toEqual([3000, 500]);
    expect(first.disposition.report?.timing).toMatchObject({ queuedMs: 3001, totalMs: 3001, acquireMs: 0 });
  });

  it('knows how long the one that was due first has waited', async () => {
    const r = rig();
    expect([r.dispatcher.depth, r.dispatcher.oldestMs]).toEqual([0, 0]);
    await r.add(versionOf());
    await r.clock.advanceAsync(4000);
    await r.add(versionOf());
    expect(r.dispatcher.depth).toBe(0);
    await r.clock.advanceAsync(1000);
    expect([r.dispatcher.depth, r.dispatcher.oldestMs]).toEqual([2, 5000]);
  });

  it('does not spin on what it holds back', async () => {
    const r = rig(2);
    let claims = 0;
    const claim = r.queue.claim.bind(r.queue);
    r.queue.claim = (...args) => {
      claims++;
      return claim(...args);
    };
    await r.add(versionOf(), 20);
    await r.dispatcher.start();
    await r.clock.advanceAsync(1000);
    expect(claims).toBeLessThan(10);
  });

  it('keeps leases alive, and drops what it runs when it lost one', async () => {
    const r = rig();
    await r.add(versionOf());
    await r.dispatcher.start();
    await r.clock.advanceAsync(4 * leaseMs);
    expect(r.attempts).toHaveLength(1);
    const [row] = r.queue.rows.values();
    if (row !== undefined) row.token = 'taken by another process';
    await r.clock.advanceAsync(leaseMs / 2);
    expect(r.attempts[0]?.run.signal.aborted).toBe(true);
    expect(r.queue.settled).toEqual([]);
    expect(lateResults(r.events)).toHaveLength(1);
  });

  it('drops and counts a result that comes before it knows that its lease is lost', async () => {
    const r = rig();
    const version = versionOf();
    await r.add(version);
    await r.dispatcher.start();
    await r.clock.advanceAsync(1);
    const [row] = r.queue.rows.values();
    if (row !== undefined) row.token = 'taken by another process';
    r.attempts[0]?.end(success);
    await r.clock.advanceAsync(1);
    expect(r.queue.settled).toEqual([]);
    expect(lateResults(r.events)).toMatchObject([{ functionName: version.functionName }]);
  });

  it('does not run again what runs when the wall clock jumps over its lease', async () => {
    const r = rig();
    await r.add(versionOf());
    await r.dispatcher.start();
    await r.clock.advanceAsync(1);
    r.clock.jumpTo(r.clock.now() + 4 * leaseMs);
    r.dispatcher.wake();
    await r.clock.advanceAsync(1);
    expect(r.attempts).toHaveLength(1);
    r.attempts[0]?.end(success);
    await r.clock.advanceAsync(1);
    expect(r.queue.settled.map(({ disposition }) => disposition.kind)).toEqual(['done']);
    expect(lateResults(r.events)).toEqual([]);
  });

  it('claims again after the store failed, waiting longer each time', async () => {
    const r = rig();
    await r.add(versionOf());
    await r.dispatcher.start();
    await r.clock.advanceAsync(1);
    r.attempts[0]?.end({ kind: 'function-error', type: 'E', message: '', stack: '' });
    await r.clock.advanceAsync(1);
    r.queue.faults.failures = 3;
    await r.clock.advanceAsync(20_000);
    expect(r.attempts).toHaveLength(2);
  });

  it('stores a result although the store fails for a while', async () => {
    const r = rig();
    await r.add(versionOf());
    await r.dispatcher.start();
    await r.clock.advanceAsync(1);
    r.queue.faults.failures = 5;
    r.attempts[0]?.end(success);
    await r.clock.advanceAsync(30_000);
    expect(r.queue.settled.map(({ disposition }) => disposition.kind)).toEqual(['done']);
    expect(r.attempts).toHaveLength(1);
  });

  it('leaves what a disabled function has where it is, for however long, and runs it as soon as it is enabled', async () => {
    const r = rig();
    const [off, on] = [versionOf(), versionOf()];
    r.directory.disabledNames.add(off.functionName);
    await r.add(off, 3);
    await r.dispatcher.start();
    await r.clock.advanceAsync(600_000);
    expect(r.queue.claims).toBeLessThan(200);
    await r.add(on);
    await r.clock.advanceAsync(1);
    expect(r.attempts.map(({ run }) => run.version)).toEqual([on]);
    r.directory.disabledNames.clear();
    r.dispatcher.wake();
    await r.clock.advanceAsync(1);
    const waited = r.attempts.filter(({ run }) => run.version === off);
    expect(waited.map(({ run }) => run.invocation().attempt)).toEqual([1, 1]);
  });

  it('counts no attempt of a call whose function was disabled while it was claimed', async () => {
    const r = rig();
    const version = versionOf();
    await r.add(version);
    const resolve = r.directory.resolve.bind(r.directory);
    r.directory.resolve = (...args) => {
      r.directory.disabledNames.add(version.functionName);
      return resolve(...args);
    };
    await r.dispatcher.start();
    await r.clock.advanceAsync(60_000);
    expect(r.queue.settled.map(({ disposition }) => disposition.kind)).toEqual(['release']);
    expect([...r.queue.rows.values()].map(({ attempt }) => attempt)).toEqual([0]);
    expect(r.attempts).toEqual([]);
  });
});
