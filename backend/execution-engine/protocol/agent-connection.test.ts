import { Readable } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import {
  bodyOf,
  callOf,
  chunksOf,
  closeAll,
  type Frame,
  http,
  init,
  logFrame,
  metaOf,
  ready,
  readyRig,
  rig,
  settle,
  u32,
} from '../../../tests/support/scripted-agent.ts';
import type { AgentConnectionOptions } from './connection-options.ts';
import { emptyBuffer, frameFlags, frameTypes as t } from './frames.ts';

afterEach(closeAll);

describe('handshake', () => {
  it('opens, initialises and reports what the agent said', async () => {
    const { agent, connection } = rig();
    agent.json(t.hello, 0, { protocol: 1, runtime: 'nodejs', runtimeVersion: 'v24.1.0', pid: 2 });
    expect(await connection.open()).toEqual({ protocol: 1, runtime: 'nodejs', runtimeVersion: 'v24.1.0', pid: 2 });
    expect(connection.state).toBe('greeted');
    const promise = connection.init({ ...init, env: { A: 'ü' } });
    const frame = await agent.next(t.init);
    expect(JSON.parse(frame.payload.toString()).env).toEqual({ A: 'ü' });
    agent.json(t.ready, 0, ready);
    expect(await promise).toEqual(ready);
    expect(connection.state).toBe('ready');
  });

  it('gives up waiting for HELLO after the time limit, on abort, and when the stream ends', async () => {
    await expect(rig().connection.open({ timeoutMs: 5 })).rejects.toMatchObject({ code: 'agent_not_started' });
    const abort = new AbortController();
    const waiting = rig().connection.open({ signal: abort.signal });
    abort.abort();
    await expect(waiting).rejects.toMatchObject({ kind: 'unavailable', code: 'agent_not_started' });
    const third = rig();
    const ended = third.connection.open();
    third.agent.stream.destroy();
    await expect(ended).rejects.toMatchObject({ code: 'agent_not_started' });
    expect(third.closed).toHaveLength(1);
  });

  it('rejects init with the error that user code threw, and logs its stack', async () => {
    const { agent, connection, logs } = rig();
    agent.json(t.hello, 0, { protocol: 1, runtime: 'nodejs', runtimeVersion: '24', pid: 2 });
    await connection.open();
    const promise = connection.init(init);
    agent.json(t.error, 0, { type: 'TypeError', message: 'boom', stack: 'TypeError: boom\n at x' });
    await expect(promise).rejects.toMatchObject({
      kind: 'function_error',
      code: 'init_failed',
      detail: { type: 'TypeError', message: 'boom', stack: 'TypeError: boom\n at x' },
    });
    expect(connection.state).toBe('closed');
    expect(logs).toEqual([expect.objectContaining({ level: 'error', text: 'TypeError: boom\n at x' })]);
  });

  it('rejects init after the time limit, on exit, and names memory when the owner knows', async () => {
    const start = async (options: Partial<AgentConnectionOptions> = {}) => {
      const made = rig(options);
      made.agent.json(t.hello, 0, { protocol: 1, runtime: 'nodejs', runtimeVersion: '24', pid: 2 });
      await made.connection.open();
      return made;
    };
    const late = await start();
    await expect(late.connection.init({ ...init, initTimeoutMs: 5 })).rejects.toMatchObject({ code: 'init_timeout' });
    const exits = await start();
    const first = exits.connection.init(init);
    exits.agent.stream.destroy();
    await expect(first).rejects.toMatchObject({ kind: 'function_error', code: 'exited' });
    const full = await start({
      explainExit: async () => ({ kind: 'function-fault', fault: 'out-of-memory', message: 'out of memory' }),
    });
    const second = full.connection.init(init);
    full.agent.stream.destroy();
    await expect(second).rejects.toMatchObject({ kind: 'function_error', code: 'out_of_memory' });
  });
});

describe('calls', () => {
  it('sends one frame and takes one frame for a small call', async () => {
    const { agent, connection } = await readyRig();
    const call = callOf();
    const result = connection.invoke(call);
    const frame = await agent.next(t.invoke);
    expect([frame.id, frame.flags]).toEqual([1, frameFlags.end]);
    expect(metaOf(frame)).toMatchObject({ kind: 'event', invocationId: call.invocation.id, attempt: 1 });
    expect(bodyOf(frame).toString()).toBe('{"n":1}');
    agent.response(1, { event: true }, '{"ok":true}');
    expect(await result).toMatchObject({
      outcome: { kind: 'success' },
      cpuMs: 1.5,
      peakMemoryBytes: 1000,
      requestBytes: 7,
      responseBytes: 11,
    });
    expect(call.heads).toEqual([{ status: 200, headers: [], isEventResult: true }]);
    expect(Buffer.concat(call.chunks).toString()).toBe('{"ok":true}');
    expect([connection.outstanding, connection.inFlight, connection.stuck]).toEqual([0, 0, 0]);
  });

  it('streams a request under flow control and waits for credit', async () => {
    const { agent, connection } = await readyRig();
    const size = 3_000_000;
    const result = connection.invoke(callOf(http(Readable.from(chunksOf(size, 70_000)))));
    const invoke = await agent.next(t.invoke);
    expect(invoke.flags).toBe(0);
    let received = 0;
    let last: Frame | undefined;
    await settle();
    while (last === undefined || !(last.type === t.end || last.flags === frameFlags.end)) {
      await settle();
      for (const frame of agent.frames.splice(0)) {
        last = frame;
        received += frame.payload.length;
      }
      if (received === 1_048_576) agent.raw(t.window, invoke.id, u32(1_000_000));
      if (received === 2_048_576) agent.raw(t.window, invoke.id, u32(1_000_000));
      expect(received).toBeLessThanOrEqual(3_048_576);
    }
    expect(received).toBe(size);
    agent.response(invoke.id, {});
    expect(await result).toMatchObject({ outcome: { kind: 'success' }, requestBytes: size });
  });

  it('splits a whole body that is larger than the credit', async () => {
    const { agent, connection } = await readyRig();
    const body = Buffer.alloc(1_500_000, 'x');
    const result = connection.invoke(callOf(http(body)));
    const invoke = await agent.next(t.invoke);
    expect(bodyOf(invoke).length).toBe(1_048_576);
    agent.raw(t.window, invoke.id, u32(1_000_000));
    const first = await agent.next(t.body);
    const second = await agent.next(t.body);
    expect(first.payload.length + second.payload.length).toBe(1_500_000 - 1_048_576);
    expect(second.flags).toBe(frameFlags.end);
    agent.response(invoke.id, {});
    expect((await result).requestBytes).toBe(1_500_000);
  });

  it('grants credit only as the sink takes the bytes', async () => {
    const { agent, connection } = await readyRig();
    const taken: (() => void)[] = [];
    const call = callOf(http(emptyBuffer), {
      maxResponseBytes: 10_000_000,
      chunk: () => new Promise<void>((resolve) => taken.push(resolve)),
    });
    const result = connection.invoke(call);
    const { id } = await agent.next(t.invoke);
    agent.response(id, {}, '', 0);
    for (let i = 0; i < 4; i++) agent.raw(t.body, id, Buffer.alloc(262_144));
    await settle();
    expect(agent.frames.filter((frame) => frame.type === t.window)).toHaveLength(0);
    taken[0]?.();
    expect((await agent.next(t.window)).payload.readUInt32BE(0)).toBe(262_144);
    agent.raw(t.body, id, Buffer.alloc(262_144));
    agent.end(id);
    expect(await result).toMatchObject({ outcome: { kind: 'success' }, responseBytes: 5 * 262_144 });
  });

  it('resolves at the deadline, cancels, and knows that the call is stuck until it ends inside', async () => {
    const { agent, connection, events } = await readyRig();
    const call = callOf(undefined, { timeoutMs: 30 });
    const result = await connection.invoke(call);
    expect(result.outcome).toMatchObject({ kind: 'function-fault', fault: 'timeout' });
    const cancel = await agent.next(t.cancel);
    expect(JSON.parse(cancel.payload.toString())).toEqual({ reason: 'deadline' });
    expect([connection.outstanding, connection.inFlight, connection.stuck]).toEqual([1, 0, 1]);
    agent.response(cancel.id, {}, 'too late');
    await settle();
    expect([connection.outstanding, connection.stuck]).toEqual([0, 0]);
    expect(events).toEqual(['given-up', 'settled']);
    expect(call.heads).toHaveLength(0);
  });

  it('keeps deadlines apart that were added late and short', async () => {
    const { agent, connection } = await readyRig();
    const long = connection.invoke(callOf(undefined, { timeoutMs: 60 }));
    const short = connection.invoke(callOf(undefined, { timeoutMs: 20 }));
    expect((await short).outcome.kind).toBe('function-fault');
    expect(connection.inFlight).toBe(1);
    expect((await long).outcome.kind).toBe('function-fault');
    expect((await agent.next(t.cancel)).id).toBe(2);
  });

  it('tells the agent when the caller is gone', async () => {
    const { agent, connection } = await readyRig();
    const call = callOf();
    const result = connection.invoke(call);
    const { id } = await agent.next(t.invoke);
    call.abort.abort();
    expect((await result).outcome.kind).toBe('cancelled');
    expect(JSON.parse((await agent.next(t.cancel)).payload.toString())).toEqual({ reason: 'disconnected' });
    agent.json(t.error, id, { type: 'AbortError', message: 'x', stack: '' });
    await settle();
    expect(connection.outstanding).toBe(0);
  });

  it('does not send what is cancelled or late already', async () => {
    const { agent, connection } = await readyRig();
    const gone = callOf();
    gone.abort.abort();
    expect((await connection.invoke(gone)).outcome.kind).toBe('cancelled');
    const late = await connection.invoke(callOf(undefined, { timeoutMs: -1 }));
    expect(late.outcome).toMatchObject({ fault: 'timeout' });
    await settle();
    expect(agent.frames).toHaveLength(0);
  });

  it('delivers a thrown error and keeps the connection', async () => {
    const { agent, connection, events } = await readyRig();
    const first = connection.invoke(callOf());
    agent.json(t.error, (await agent.next(t.invoke)).id, { type: 'Error', message: 'no', stack: 's', cpuMs: 4 });
    expect(await first).toMatchObject({ outcome: { kind: 'function-error', type: 'Error', message: 'no' }, cpuMs: 4 });
    expect(connection.state).toBe('ready');
    const second = connection.invoke(callOf());
    const { id } = await agent.next(t.invoke);
    agent.json(t.error, id, { type: 'Error', message: 'unhandled', stack: 's', fatal: true });
    expect((await second).outcome.kind).toBe('function-error');
    expect(events).toEqual(['exiting']);
    expect((await connection.invoke(callOf())).outcome).toMatchObject({ fault: 'sandbox-lost', retryable: true });
  });

  it('logs an error after the end of a call with that call, and with none while another one runs', async () => {
    for (const isAnotherRunning of [false, true]) {
      const { agent, connection, logs, events } = await readyRig();
      const call = callOf();
      const first = connection.invoke(call);
      agent.response((await agent.next(t.invoke)).id, {}, 'x');
      await first;
      if (isAnotherRunning) {
        void connection.invoke(callOf());
        await agent.next(t.invoke);
      }
      agent.json(t.error, 0, { type: 'Error', message: 'late', stack: 'Error: late', fatal: true });
      await settle();
      const invocationId = isAnotherRunning ? undefined : call.invocation.id;
      expect(logs).toMatchObject([{ invocationId, level: 'error', text: 'Error: late' }]);
      expect(events).toContain('exiting');
    }
  });

  it('gives the caller its answer while background work goes on, until the deadline', async () => {
    const { agent, connection, events } = await readyRig();
    const first = connection.invoke(callOf());
    const a = await agent.next(t.invoke);
    agent.response(a.id, { background: true }, 'x');
    expect((await first).outcome.kind).toBe('success');
    expect([connection.outstanding, connection.inFlight, connection.stuck]).toEqual([1, 0, 0]);
    agent.end(a.id);
    await settle();
    expect(connection.outstanding).toBe(0);
    const second = connection.invoke(callOf(undefined, { timeoutMs: 60 }));
    const b = await agent.next(t.invoke);
    agent.response(b.id, {}, 'x', 0);
    agent.end(b.id, { background: true });
    expect((await second).outcome.kind).toBe('success');
    await agent.next(t.cancel);
    expect(connection.stuck).toBe(1);
    expect(events).toEqual(['background', 'settled', 'background', 'given-up']);
  });

  it('asks why the agent ended, and says so to every call', async () => {
    const outcome = { kind: 'function-fault', fault: 'out-of-memory', message: 'used more than 128 MiB' } as const;
    const { agent, connection, closed } = await readyRig({ explainExit: async () => outcome });
    const results = [connection.invoke(callOf()), connection.invoke(callOf())];
    await agent.next(t.invoke);
    agent.stream.destroy();
    for (const result of await Promise.all(results)) expect(result.outcome).toEqual(outcome);
    expect(closed).toMatchObject([{ cause: 'ended' }]);
    const plain = await readyRig();
    const pending = plain.connection.invoke(callOf());
    await plain.agent.next(t.invoke);
    plain.agent.stream.destroy();
    expect((await pending).outcome).toMatchObject({ kind: 'function-fault', fault: 'exited' });
  });

  it('settles everything when it is closed, with the outcome that the owner names', async () => {
    const { agent, connection, closed } = await readyRig();
    const pending = connection.invoke(callOf());
    await agent.next(t.invoke);
    connection.close('evicted', { kind: 'platform-fault', fault: 'shutting-down', message: 'bye', retryable: true });
    expect((await pending).outcome).toMatchObject({ fault: 'shutting-down' });
    connection.close('again');
    expect(closed).toEqual([{ cause: 'closed', message: 'evicted' }]);
  });

  it('answers pings, drains, and passes snapshots on', async () => {
    const { agent, connection } = await readyRig();
    const pinged = connection.ping();
    agent.raw(t.pong, 0, (await agent.next(t.ping)).payload);
    expect(await pinged).toBeGreaterThan(0);
    await expect(connection.ping({ timeoutMs: 5 })).rejects.toMatchObject({ code: 'agent_not_answering' });
    const before = connection.beforeSnapshot();
    await agent.next(t.beforeSnapshot);
    agent.raw(t.beforeSnapshot, 0, emptyBuffer);
    await before;
    const after = connection.afterRestore({ nowMs: 1, entropy: Buffer.alloc(64) });
    expect(JSON.parse((await agent.next(t.afterRestore)).payload.toString()).nowMs).toBe(1);
    agent.raw(t.afterRestore, 0, emptyBuffer);
    await after;
    connection.drain();
    await agent.next(t.drain);
    expect((await connection.invoke(callOf())).outcome).toMatchObject({ kind: 'platform-fault', retryable: true });
  });
});

it('goes on with an agent that was restored, which says no HELLO', async () => {
  const { agent, connection } = rig();
  connection.resume({ logLimitBytes: 1000, logLineBytes: 100 });
  const restored = connection.afterRestore({ nowMs: 1, entropy: Buffer.alloc(64) });
  agent.raw(t.afterRestore, 0, emptyBuffer);
  await restored;
  const result = connection.invoke(callOf());
  expect((await agent.next(t.invoke)).id).toBe(1);
  agent.response(1, { event: true }, '1');
  expect((await result).outcome).toEqual({ kind: 'success' });
  expect(() => connection.resume({ logLimitBytes: 1000, logLineBytes: 100 })).toThrow('ready');
});

describe('batches', () => {
  it('puts small calls into one frame with ids in order', async () => {
    const { agent, connection } = await readyRig();
    const calls = [1, 2, 3].map((n) => callOf({ kind: 'event', body: Buffer.from(`{"n":${n}}`) }));
    const results = connection.invokeBatch(calls);
    const frame = await agent.next(t.invoke);
    expect(frame.flags).toBe(frameFlags.batch | frameFlags.end);
    const meta = metaOf(frame) as { items: { invocationId: string; bodyBytes: number }[] };
    expect(meta.items.map((item) => item.invocationId)).toEqual(calls.map((call) => call.invocation.id));
    expect(bodyOf(frame).toString()).toBe('{"n":1}{"n":2}{"n":3}');
    agent.response(frame.id + 1, { event: true }, '2');
    agent.json(t.error, frame.id + 2, { type: 'Error', message: 'bad item', stack: '' });
    agent.response(frame.id, { event: true }, '1');
    expect((await Promise.all(results)).map((result) => result.outcome.kind)).toEqual([
      'success',
      'success',
      'function-error',
    ]);
    expect(calls.map((call) => Buffer.concat(call.chunks).toString())).toEqual(['1', '2', '']);
  });

  it('sends several frames when one is too small, and streams alone', async () => {
    const { agent, connection } = await readyRig();
    const big = () => callOf({ kind: 'event', body: Buffer.alloc(500_000, 0x20) });
    const results = connection.invokeBatch([big(), callOf(http(Readable.from([Buffer.from('s')]))), big(), big()]);
    const frames = [await agent.next(t.invoke), await agent.next(t.invoke), await agent.next(t.invoke)];
    expect(frames.map((frame) => frame.flags).sort()).toEqual([0, 1, 3]);
    for (let id = 1; id <= 4; id++) agent.response(id, {});
    for (const result of await Promise.all(results)) expect(result.outcome.kind).toBe('success');
  });
});

describe('what a function may not do', () => {
  it('faults a response that is too large: cleanly before the head, by aborting after it', async () => {
    const { agent, connection } = await readyRig();
    const clean = callOf();
    const first = connection.invoke(clean);
    agent.response((await agent.next(t.invoke)).id, {}, 'x'.repeat(1001));
    expect((await first).outcome).toMatchObject({ kind: 'function-fault', fault: 'response-too-large' });
    expect(clean.heads).toHaveLength(0);
    const announced = callOf();
    const second = connection.invoke(announced);
    agent.response((await agent.next(t.invoke)).id, { headers: ['Content-Length', '5000'] }, '', 0);
    expect((await second).outcome).toMatchObject({ fault: 'response-too-large' });
    expect(announced.heads).toHaveLength(0);
    const streamed = callOf();
    const third = connection.invoke(streamed);
    const { id } = await agent.next(t.invoke);
    agent.response(id, {}, '', 0);
    agent.raw(t.body, id, Buffer.alloc(1000));
    agent.raw(t.body, id, Buffer.alloc(1));
    expect((await third).outcome).toMatchObject({ fault: 'response-too-large' });
    expect(streamed.heads).toHaveLength(1);
    expect(connection.state).toBe('ready');
  });

  it.each([
    [{ status: 99 }, ''],
    [{ status: 101 }, ''],
    [{ status: 600 }, ''],
    [{ headers: ['bad name', 'x'] }, ''],
    [{ headers: ['', 'x'] }, ''],
    [{ headers: ['a', 'x\r\nset-cookie: y'] }, ''],
    [{ headers: ['a', 'ł'] }, ''],
    [{ headers: ['content-length', '3'] }, '1234'],
    [{ headers: ['content-length', '-3'] }, ''],
    [{ headers: ['content-length', '3', 'Content-Length', '3'] }, '123'],
    [{ headers: ['a', 'x'.repeat(16_384)] }, ''],
    [{ headers: Array.from({ length: 202 }, () => 'a') }, ''],
  ])('faults the head %j alone', async (meta, body) => {
    const { agent, connection } = await readyRig();
    const call = callOf();
    const result = connection.invoke(call);
    agent.response((await agent.next(t.invoke)).id, meta, body);
    expect((await result).outcome).toMatchObject({ kind: 'function-fault', fault: 'bad-response' });
    expect(call.heads).toHaveLength(0);
    expect(connection.state).toBe('ready');
  });

  it('holds a stream to its content-length and strips hop-by-hop headers', async () => {
    const { agent, connection } = await readyRig();
    const short = callOf();
    const first = connection.invoke(short);
    const a = await agent.next(t.invoke);
    const headers = ['X-A', '1', 'Connection', 'close', 'content-length', '4', 'Transfer-Encoding', 'chunked'];
    agent.response(a.id, { headers }, 'ab', 0);
    agent.end(a.id);
    expect((await first).outcome).toMatchObject({ fault: 'bad-response' });
    expect(short.heads[0]?.headers).toEqual(['X-A', '1', 'content-length', '4']);
    const head = callOf(http(emptyBuffer, 'HEAD'));
    const second = connection.invoke(head);
    agent.response((await agent.next(t.invoke)).id, { headers: ['content-length', '4'] }, 'abcdef');
    expect((await second).outcome.kind).toBe('success');
    expect(head.chunks).toEqual([]);
  });

  it('ignores second answers and answers after the end, and counts a flood of them', async () => {
    const { agent, connection, violations } = await readyRig();
    const first = connection.invoke(callOf());
    const { id } = await agent.next(t.invoke);
    agent.response(id, {}, 'one');
    await first;
    agent.response(id, {}, 'two');
    agent.end(id);
    const next = callOf();
    const second = connection.invoke(next);
    await agent.next(t.invoke);
    agent.response(id, {}, 'three');
    agent.response(id + 1, {}, 'mine');
    await second;
    expect(Buffer.concat(next.chunks).toString()).toBe('mine');
    for (let i = 0; i < 11_000; i++) agent.end(id);
    await expect.poll(() => violations.length).toBe(1);
    expect(connection.state).toBe('closed');
  });
});

describe('logs', () => {
  it('attributes lines to the call, also after it was given up, and to none', async () => {
    const { agent, connection, logs } = await readyRig();
    const call = callOf();
    const result = connection.invoke(call);
    const { id } = await agent.next(t.invoke);
    agent.raw(t.log, id, logFrame(1, 0, 0, 'hello\nworld'));
    agent.raw(t.log, 0, logFrame(3, 1, 1, 'ü\u0000'));
    agent.raw(t.log, 0, logFrame(1, 0, 0, 'x'.repeat(101)));
    await settle();
    call.abort.abort();
    await result;
    agent.raw(t.log, id, logFrame(2, 1, 0, 'late'));
    await settle();
    expect(logs.map(({ at: _at, ...line }) => line)).toEqual([
      { invocationId: call.invocation.id, level: 'info', stream: 'stdout', text: 'hello\nworld', truncated: false },
      { invocationId: undefined, level: 'error', stream: 'stderr', text: 'ü\u0000', truncated: true },
      { invocationId: undefined, level: 'info', stream: 'stdout', text: 'x'.repeat(100), truncated: true },
      { invocationId: call.invocation.id, level: 'warn', stream: 'stderr', text: 'late', truncated: false },
    ]);
  });

  it('drops entries over the count and kills over the volume', async () => {
    const { agent, connection, logs, violations } = await readyRig();
    const result = connection.invoke(callOf());
    const { id } = await agent.next(t.invoke);
    for (let i = 0; i < 20_100; i++) agent.raw(t.log, id, logFrame(1, 0, 0, ''));
    await expect.poll(() => logs.length).toBe(20_000);
    expect(logs.at(-1)?.truncated).toBe(true);
    for (let i = 0; i < 70; i++) agent.raw(t.log, id, logFrame(1, 0, 0, 'x'.repeat(1000)));
    expect((await result).outcome).toMatchObject({ kind: 'platform-fault', fault: 'protocol' });
    expect(violations).toHaveLength(1);
  });
});
