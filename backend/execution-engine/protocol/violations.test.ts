import { afterEach, describe, expect, it } from 'vitest';
import {
  callOf,
  closeAll,
  logFrame,
  ready,
  readyRig,
  rig,
  type ScriptedAgent,
  settle,
  u32,
} from '../../../tests/support/scripted-agent.ts';
import { frameFlags, frameTypes as t } from './frames.ts';

afterEach(closeAll);

describe('violations', () => {
  const usage = { cpuMs: 1, peakMemoryBytes: 1 };
  it.each<[string, (agent: ScriptedAgent, id: number) => void]>([
    ['a second HELLO', (a) => a.json(t.hello, 0, { protocol: 1, runtime: 'x', runtimeVersion: '1', pid: 1 })],
    ['a second READY', (a) => a.json(t.ready, 0, ready)],
    ['a host frame', (a, id) => a.json(t.cancel, id, { reason: 'deadline' })],
    ['an INVOKE', (a, id) => a.json(t.invoke, id, {})],
    ['BATCH', (a, id) => a.response(id, usage, '', frameFlags.batch | frameFlags.end)],
    ['an id never given out', (a, id) => a.response(id + 1, {})],
    ['BODY before RESPONSE', (a, id) => a.raw(t.body, id, Buffer.from('x'))],
    ['END before RESPONSE', (a, id) => a.end(id)],
    ['RESPONSE that is not JSON', (a, id) => a.raw(t.response, id, Buffer.from('\0\0\0\x01{'), 1)],
    ['RESPONSE without meta', (a, id) => a.raw(t.response, id, Buffer.from('ab'), 1)],
    ['RESPONSE with a meta beyond the frame', (a, id) => a.raw(t.response, id, Buffer.from('\0\0\0\x09{}'), 1)],
    ['RESPONSE null', (a, id) => a.raw(t.response, id, Buffer.from('\0\0\0\x04null'), 1)],
    ['a status that is text', (a, id) => a.response(id, { status: '200' })],
    ['headers that are no list', (a, id) => a.response(id, { headers: { a: 'b' } })],
    ['an odd header', (a, id) => a.response(id, { headers: ['a'] })],
    ['usage that is negative', (a, id) => a.response(id, { cpuMs: -1 })],
    ['ERROR with numbers', (a, id) => a.json(t.error, id, { type: 1, message: 2, stack: 3 })],
    ['ERROR that is no JSON', (a, id) => a.raw(t.error, id, Buffer.from('['))],
    ['a PONG without PING', (a) => a.raw(t.pong, 0, Buffer.alloc(8))],
    ['a short WINDOW', (a, id) => a.raw(t.window, id, Buffer.alloc(3))],
    ['an unknown log level', (a, id) => a.raw(t.log, id, logFrame(9, 0, 0, ''))],
    ['a BODY that is too long', (a, id) => [a.response(id, {}, '', 0), a.raw(t.body, id, Buffer.alloc(262_145))]],
    [
      'two RESPONSE',
      (a, id) => {
        a.response(id, {}, '', 0);
        a.response(id, {}, '', 0);
      },
    ],
    ['BODY after the END', (a, id) => [a.response(id, { background: true }), a.raw(t.body, id, Buffer.from('x'))]],
    ['RESPONSE beyond the credit', (a, id) => a.response(id, {}, Buffer.alloc(1_048_577))],
    ['a frame that is too long', (a) => a.stream.write(Buffer.from([0xff, 0xff, 0xff, 0xff, 7, 0, 0, 0, 0, 0, 0, 1]))],
    ['an unknown type', (a) => a.stream.write(Buffer.from([0, 0, 0, 0, 21, 0, 0, 0, 0, 0, 0, 1]))],
    ['an unknown flag', (a) => a.stream.write(Buffer.from([0, 0, 0, 0, 7, 4, 0, 0, 0, 0, 0, 1]))],
    ['a tunnel without a way out', (a) => a.raw(t.tunnelOpen, 1, Buffer.alloc(0))],
    ['reserved bits', (a) => a.stream.write(Buffer.from([0, 0, 0, 0, 7, 0, 0, 1, 0, 0, 0, 1]))],
  ])('%s kills this connection alone', async (_name, attack) => {
    const { agent, connection, closed, violations } = await readyRig();
    const other = await readyRig();
    const call = callOf(undefined, { maxResponseBytes: 10_000_000 });
    const result = connection.invoke(call);
    const { id } = await agent.next(t.invoke);
    attack(agent, id);
    await expect.poll(() => violations.length).toBe(1);
    const { outcome } = await result;
    if (call.heads.length === 0 || outcome.kind !== 'success')
      expect(outcome).toMatchObject({ kind: 'platform-fault', fault: 'protocol', retryable: false });
    expect(closed).toMatchObject([{ cause: 'violation' }]);
    expect(connection.outstanding).toBe(0);
    expect(other.connection.state).toBe('ready');
  });

  it('lets a call that was given up not exceed its credit either', async () => {
    const { agent, connection, violations } = await readyRig();
    const call = callOf(undefined, { maxResponseBytes: 10_000_000 });
    const result = connection.invoke(call);
    const { id } = await agent.next(t.invoke);
    agent.response(id, {}, '', 0);
    await settle();
    call.abort.abort();
    await result;
    for (let i = 0; i < 5; i++) agent.raw(t.body, id, Buffer.alloc(262_144));
    await expect.poll(() => violations).toEqual(['body bytes beyond the credit']);
  });

  it('does not hold what an agent never reads: answers without reading end it', async () => {
    const { agent, connection, violations } = await readyRig();
    agent.stream.pause();
    const body = Buffer.alloc(1_000_000);
    let sent = 0;
    for (let id = 1; id <= 50 && connection.state === 'ready'; id++) {
      const result = connection.invoke(callOf({ kind: 'event', body }));
      if (connection.state !== 'ready') break;
      sent++;
      agent.response(id, {});
      expect((await result).outcome.kind).toBe('success');
    }
    expect(violations).toEqual(['the agent answers calls that it has not read']);
    expect(sent).toBeLessThan(10);
  });

  it('takes as many calls at once as there are, read or not', async () => {
    const { agent, connection, violations } = await readyRig();
    agent.stream.pause();
    const results = Array.from({ length: 30 }, () =>
      connection.invoke(callOf({ kind: 'event', body: Buffer.alloc(1_000_000) })),
    );
    agent.stream.resume();
    for (let id = 1; id <= 30; id++) {
      await agent.next(t.invoke);
      agent.response(id, {});
    }
    for (const result of results) expect((await result).outcome.kind).toBe('success');
    expect(violations).toEqual([]);
  });

  it('takes one ERROR outside any call, not a flood of log lines made of them', async () => {
    const { agent, logs, violations, events } = await readyRig();
    const error = { type: 'E', message: 'x', stack: 'y'.repeat(1000) };
    agent.json(t.error, 0, error);
    agent.json(t.error, 0, error);
    await expect.poll(() => violations).toEqual(['a second ERROR outside any call']);
    expect(logs).toHaveLength(1);
    expect(events).toContain('exiting');
  });

  it.each<[string, (agent: ScriptedAgent, id: number) => void]>([
    ['empty log entries of a call', (a, id) => a.raw(t.log, id, logFrame(1, 0, 0, ''))],
    ['empty log entries outside calls', (a) => a.raw(t.log, 0, logFrame(1, 0, 0, ''))],
    ['credit for more than was sent', (a, id) => a.raw(t.window, id, u32(65_536))],
  ])('bounds %s', async (_name, attack) => {
    const { agent, connection, logs, violations } = await readyRig();
    const result = connection.invoke(callOf());
    const { id } = await agent.next(t.invoke);
    for (let i = 0; i < 100_000 && violations.length === 0; i++) {
      attack(agent, id);
      if (i % 1000 === 0) await settle();
    }
    await expect.poll(() => violations).toHaveLength(1);
    expect((await result).outcome).toMatchObject({ kind: 'platform-fault', fault: 'protocol' });
    expect(logs.length).toBeLessThanOrEqual(20_000);
  });

  it('refuses anything but HELLO first', async () => {
    const { agent, connection, closed } = rig();
    const opened = connection.open();
    agent.json(t.ready, 0, ready);
    await expect(opened).rejects.toMatchObject({ code: 'agent_not_started' });
    expect(closed).toMatchObject([{ cause: 'violation' }]);
  });
});
