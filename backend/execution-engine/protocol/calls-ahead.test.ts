import { Readable } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import {
  callOf,
  chunksOf,
  closeAll,
  http,
  init,
  ready,
  rig,
  settle,
  type TestCall,
} from '../../../tests/support/scripted-agent.ts';
import type { AheadCall } from './connection-options.ts';
import { frameTypes as t } from './frames.ts';
import type { InitMessage } from './messages.ts';

afterEach(closeAll);

/** An agent that has INIT, and behind it `call` if that can travel so. */
async function sentAhead(
  call: TestCall | (() => TestCall),
  hello: object = { holdsCalls: true },
  message: InitMessage = init,
) {
  const made = rig();
  made.agent.json(t.hello, 0, { protocol: 1, runtime: 'nodejs', runtimeVersion: '24', pid: 2, ...hello });
  await made.connection.open();
  let sent: AheadCall | undefined;
  const initialised = made.connection.init(message, {
    ahead: (send) => {
      sent = send(typeof call === 'function' ? call() : call);
    },
  });
  initialised.catch(() => undefined);
  await made.agent.next(t.init);
  return { ...made, initialised, sent: sent as AheadCall | undefined };
}

describe('a call behind INIT', () => {
  it('is sent before READY, and answered behind it; its time begins with READY', async () => {
    const call = callOf();
    const { agent, connection, initialised, sent } = await sentAhead(call);
    const { id } = await agent.next(t.invoke);
    const beforeReady = performance.now();
    agent.json(t.ready, 0, ready);
    agent.response(id, {}, 'yes');
    await initialised;
    expect(await sent?.result).toMatchObject({ outcome: { kind: 'success' }, responseBytes: 3 });
    expect((await sent?.result)?.startedMs).toBeGreaterThanOrEqual(beforeReady);
    expect(Buffer.concat(call.chunks).toString()).toBe('yes');
    const next = connection.invoke(callOf());
    agent.response((await agent.next(t.invoke)).id, {});
    expect((await next).outcome.kind).toBe('success');
  });

  it.each([
    ['an agent that does not say that it keeps calls', callOf(), {}],
    ['a body that still arrives', callOf(http(Readable.from(['x']))), undefined],
    ['a large body', callOf(http(Buffer.concat([...chunksOf(300_000, 100_000)]))), undefined],
    ['a deadline that has passed', callOf(undefined, { timeoutMs: -1 }), undefined],
  ])('is not sent: %s', async (_why, call, hello) => {
    const { agent, connection, sent } = await sentAhead(call, hello);
    await settle();
    expect(sent).toBeUndefined();
    expect(agent.frames.filter((frame) => frame.type === t.invoke)).toEqual([]);
    expect(connection.inFlight).toBe(0);
  });

  it('does not run when its caller leaves or its deadline passes before READY, and frees its place when the agent says so', async () => {
    const call = callOf();
    const { agent, connection, initialised, sent } = await sentAhead(call);
    const { id } = await agent.next(t.invoke);
    call.abort.abort('cancelled by request');
    expect((await sent?.result)?.outcome).toEqual({ kind: 'cancelled', message: 'cancelled by request' });
    await agent.next(t.cancel);
    agent.json(t.ready, 0, ready);
    await initialised;
    expect(connection.stuck).toBe(1);
    agent.json(t.error, id, { type: 'AbortError', message: 'not begun', stack: '' });
    await expect.poll(() => connection.stuck).toBe(0);
    const late = await sentAhead(() => callOf(undefined, { timeoutMs: 5 }));
    const result = await late.sent?.result;
    expect(result?.outcome).toMatchObject({
      fault: 'timeout',
      message: 'the deadline had passed before the function was called',
    });
    expect(result?.handlerMs).toBe(0);
  });

  it('ends with an init that fails, which says why', async () => {
    const { agent, initialised, sent } = await sentAhead(callOf());
    agent.json(t.error, 0, { type: 'TypeError', message: 'boom', stack: '', fatal: true });
    await expect(initialised).rejects.toMatchObject({ code: 'init_failed' });
    expect((await sent?.result)?.outcome).toMatchObject({ kind: 'platform-fault', retryable: false });
  });

  it.each([
    ['RESPONSE', (agent: Awaited<ReturnType<typeof sentAhead>>['agent']) => agent.response(1, {})],
    [
      'ERROR',
      (agent: Awaited<ReturnType<typeof sentAhead>>['agent']) =>
        agent.json(t.error, 1, { type: 'E', message: '', stack: '' }),
    ],
  ])('may not be answered before READY: %s', async (_name, answer) => {
    const { agent, initialised, violations } = await sentAhead(callOf());
    await agent.next(t.invoke);
    answer(agent);
    await expect(initialised).rejects.toMatchObject({ code: 'exited' });
    expect(violations).toEqual(['a frame of a call before READY']);
  });
});
