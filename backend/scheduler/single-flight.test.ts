import { afterEach, describe, expect, it } from 'vitest';
import { PlatformError } from '../../shared/errors.ts';
import { newId } from '../../shared/ids.ts';
import type { InvocationOutcome } from '../../shared/invocation.ts';
import { ManualClock, settle } from '../../tests/fakes/manual-clock.ts';
import { KeepingSink, versionOf } from '../../tests/fakes/pool-rig.ts';
import type { CancelSignal } from '../core/cancel-signal.ts';
import type { Invocation, InvocationReport, ResponseSink } from '../core/invocation.ts';
import { withoutAnswer } from './reports.ts';
import { SingleFlight } from './single-flight.ts';

interface Ran {
  readonly invocation: Invocation;
  readonly sink: ResponseSink;
  readonly signal: CancelSignal;
  readonly end: (outcome?: InvocationOutcome) => Promise<void>;
  readonly reject: (error: unknown) => Promise<void>;
}

const clocks: ManualClock[] = [];
afterEach(() => {
  for (const clock of clocks.splice(0)) expect(clock.pendingTimers).toBe(0);
});

/** Single flight over invocations that do what the test says. */
function rig() {
  const clock = new ManualClock();
  clocks.push(clock);
  const ran: Ran[] = [];
  let shared = 0;
  const flights = new SingleFlight({
    clock,
    onShared: () => shared++,
    run: (invocation, sink, signal) => {
      const { promise, resolve, reject } = Promise.withResolvers<InvocationReport>();
      const report = (outcome: InvocationOutcome) => ({
        ...withoutAnswer(invocation, outcome, clock.monotonic()),
        start: 'warm' as const,
      });
      ran.push({
        invocation,
        sink,
        signal,
        end: (outcome = { kind: 'success' }) => {
          resolve(report(outcome));
          return settle();
        },
        reject: (error) => {
          reject(error);
          return settle();
        },
      });
      signal.addEventListener('abort', () => resolve(report({ kind: 'cancelled', message: String(signal.reason) })));
      return promise;
    },
  });
  const version = versionOf({ singleFlight: true, timeoutMs: 1000 });
  const call = (headers: readonly string[] = [], more: Partial<Invocation> = {}) => {
    const sink = new KeepingSink();
    const caller = new AbortController();
    const invocation: Invocation = {
      id: newId('invocation'),
      version,
      qualifier: 'live',
      trigger: 'http',
      request: {
        kind: 'http',
        method: 'GET',
        target: '/',
        headers,
        clientAddress: '127.0.0.1',
        scheme: 'http',
        host: 'localhost',
        params: {},
        body: Buffer.alloc(0),
      },
      acceptedAt: clock.now(),
      enteredAt: clock.monotonic(),
      deadlineAt: clock.now() + 1000,
      attempt: 1,
      traceparent: undefined,
      depth: 0,
      replayOf: undefined,
      ...more,
    };
    return { sink, caller, invocation, report: flights.invoke(invocation, sink, caller.signal) };
  };
  const only = (): Ran => {
    const [first, ...others] = ran;
    if (first === undefined || others.length > 0) throw new Error(`${ran.length} invocations ran, not one`);
    return first;
  };
  return { clock, ran, call, only, shared: () => shared };
}

const answerOf = (sink: KeepingSink) => [sink.heads.map(({ status }) => status), sink.body];
const ok = { status: 200, headers: ['content-type', 'text/plain'], isEventResult: false } as const;

describe('SingleFlight', () => {
  it('runs once for all who make the same call, and answers each with the whole response', async () => {
    const r = rig();
    const calls = [r.call(), r.call(), r.call()];
    const { invocation, sink, end } = r.only();
    r.clock.advance(40);
    sink.head(ok);
    void sink.chunk(Buffer.from('he'));
    void sink.chunk(Buffer.from('llo'));
    expect(calls.map((call) => call.sink.heads)).toEqual([[], [], []]);
    await end();
    expect(calls.map((call) => answerOf(call.sink))).toEqual(calls.map(() => [[200], 'hello']));
    const [first, second] = await Promise.all(calls.map((call) => call.report));
    expect(first).toMatchObject({ start: 'warm', outcome: { kind: 'success' } });
    expect(first).not.toHaveProperty('answeredBy');
    expect(second).toMatchObject({ start: 'none', answeredBy: invocation.id, timing: { queuedMs: 40, totalMs: 40 } });
    expect(r.shared()).toBe(2);
  });

  it('begins anew when the response is there, and for another caller', async () => {
    const r = rig();
    const first = r.call();
    const other = r.call(['authorization', 'Bearer x']);
    expect(r.ran).toHaveLength(2);
    for (const { sink, end } of r.ran) {
      sink.head(ok);
      await end();
    }
    const later = r.call();
    expect(r.ran).toHaveLength(3);
    await r.ran[2]?.end();
    for (const { report } of [first, other, later]) expect(await report).not.toHaveProperty('answeredBy');
  });

  it('goes on when one leaves, also the first, and is cancelled when all have left', async () => {
    const r = rig();
    const calls = [r.call(), r.call(), r.call()] as const;
    const { sink, signal, end } = r.only();
    calls[0].caller.abort();
    expect((await calls[0].report).outcome).toEqual({ kind: 'cancelled', message: 'the caller disconnected' });
    calls[1].caller.abort();
    expect(signal.aborted).toBe(false);
    sink.head(ok);
    await end();
    expect(answerOf(calls[2].sink)).toEqual([[200], '']);
    expect(calls[0].sink.heads).toEqual([]);

    const next = r.call();
    next.caller.abort();
    expect(r.ran[1]?.signal.aborted).toBe(true);
    expect((await next.report).outcome.kind).toBe('cancelled');
    // Who comes while it is being cancelled does not end with it.
    expect(r.call().report).toBeInstanceOf(Promise);
    expect(r.ran).toHaveLength(3);
    await r.ran[2]?.end();
  });

  it('shares errors of the function, and what the platform refused', async () => {
    const r = rig();
    const failing = [r.call(), r.call()];
    await r.only().end({ kind: 'function-error', type: 'Error', message: 'no', stack: '' });
    for (const { report } of failing) expect((await report).outcome).toMatchObject({ kind: 'function-error' });
    const refused = [r.call(), r.call()];
    const both = Promise.allSettled(refused.map(({ report }) => report));
    await r.ran[1]?.reject(new PlatformError('throttled', 'queue_full', 'busy'));
    for (const result of await both) expect(result).toMatchObject({ reason: { code: 'queue_full' } });
  });

  it('lets nobody wait beyond its own deadline, and the invocation run for those who have more', async () => {
    const r = rig();
    const hurried = r.call([], { deadlineAt: r.clock.now() + 100 });
    const patient = r.call();
    expect(r.only().invocation.deadlineAt).toBe(patient.invocation.deadlineAt);
    r.clock.advance(100);
    expect((await hurried.report).outcome).toMatchObject({ kind: 'function-fault', fault: 'timeout' });
    expect(r.only().signal.aborted).toBe(false);
    await r.only().end();
    expect((await patient.report).outcome.kind).toBe('success');
  });

  it.each([
    ['sets a cookie', { ...ok, headers: ['set-cookie', 'id=1'] }, (): void => undefined],
    ['is larger than 256 KiB', ok, (r: ReturnType<typeof rig>) => void r.ran[0]?.sink.chunk(Buffer.alloc(262_145))],
    ['is not complete soon after its head', ok, (r: ReturnType<typeof rig>) => r.clock.advance(25)],
  ])('gives a response that %s to one as it comes, and lets the others run', async (_, head, then) => {
    const r = rig();
    const [first, second] = [r.call(), r.call()];
    r.only().sink.head(head);
    then(r);
    expect(r.ran.map(({ invocation }) => invocation.id)).toEqual([first.invocation.id, second.invocation.id]);
    expect(r.ran[1]?.sink).toBe(second.sink);
    void r.ran[0]?.sink.chunk(Buffer.from('end'));
    expect(first.sink.heads).toHaveLength(1);
    expect(first.sink.body.endsWith('end')).toBe(true);
    const later = r.call();
    expect(r.ran).toHaveLength(3);
    for (const { end } of r.ran) await end();
    for (const { report } of [first, second, later]) expect(await report).not.toHaveProperty('answeredBy');
    expect(first.sink.heads).toHaveLength(1);
    expect(r.shared()).toBe(0);
  });

  it('hands on the back-pressure of whoever has the response alone', () => {
    const r = rig();
    const { sink, caller } = r.call();
    const full = Promise.resolve();
    Object.assign(sink, { chunk: () => full });
    r.only().sink.head({ ...ok, headers: ['cache-control', 'private'] });
    expect(r.only().sink.chunk(Buffer.from('x'))).toBe(full);
    caller.abort();
    expect(r.only().signal.aborted).toBe(true);
  });

  it('takes a thousand callers, and begins another flight for the next', async () => {
    const r = rig();
    const calls = Array.from({ length: 1001 }, () => r.call());
    expect(r.ran).toHaveLength(2);
    for (const { end } of r.ran) await end();
    const reports = await Promise.all(calls.map(({ report }) => report));
    expect(reports.filter(({ answeredBy }) => answeredBy !== undefined)).toHaveLength(999);
  });
});
