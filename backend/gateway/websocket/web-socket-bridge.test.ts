import { afterEach, describe, expect, it } from 'vitest';
import type { VersionConfig } from '../../../shared/version-config.ts';
import { idleScheduler } from '../../../tests/fakes/idle-scheduler.ts';
import { version } from '../../../tests/support/gateway-rig.ts';
import type { InvocationReport } from '../../core/invocation.ts';
import type { Scheduler } from '../../core/ports/scheduler.ts';
import { SystemClock } from '../../core/system-clock.ts';
import { GatewayServer } from '../server.ts';
import type { WebSocketTimeouts } from './web-socket-bridge.ts';

const open: GatewayServer[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close(0)));
});

/** A gateway whose function sends back every piece that it gets, or never answers. */
async function start(answers: boolean, timeouts: Partial<WebSocketTimeouts>, config: Partial<VersionConfig> = {}) {
  const ended = Promise.withResolvers<'finished' | 'cancelled'>();
  const scheduler: Scheduler = {
    ...idleScheduler,
    invoke: async (invocation, sink, signal) => {
      const { body } = invocation.request;
      if (Buffer.isBuffer(body)) throw new Error('a WebSocket has a stream of messages');
      if (answers) sink.head({ status: 101, headers: [], isEventResult: false });
      await new Promise<void>((resolve) => {
        body.on('data', (chunk: Buffer) => void sink.chunk(chunk));
        body.on('end', resolve);
        signal.addEventListener('abort', resolve);
      });
      ended.resolve(signal.aborted ? 'cancelled' : 'finished');
      const nothing = { queuedMs: 0, acquireMs: 0, bootMs: 0, loadMs: 0, initMs: 0, firstByteMs: 0 };
      const report: InvocationReport = {
        outcome: { kind: 'success' },
        start: 'warm',
        instanceId: undefined,
        httpStatus: 101,
        timing: { ...nothing, handlerMs: 0, flushMs: 0, totalMs: 0 },
        usage: { cpuMs: 0, peakMemoryBytes: 0, requestBytes: 0, responseBytes: 0 },
      };
      return report;
    },
  };
  const match = { version: version(config), qualifier: 'live', params: {}, basePath: '' };
  const server = new GatewayServer({
    directory: { matchRoute: () => ({ kind: 'match', match }) },
    scheduler,
    clock: new SystemClock(),
    logger: { error: () => undefined },
    trustsProxy: false,
    webSocketTimeouts: timeouts,
  });
  open.push(server);
  const port = await server.listen('127.0.0.1', 0);
  const socket = new WebSocket(`ws://127.0.0.1:${port}/`);
  const closed = new Promise<CloseEvent>((resolve) => socket.addEventListener('close', resolve));
  const opened = new Promise<void>((resolve) => socket.addEventListener('open', () => resolve()));
  return { server, socket, opened, closed, ended: ended.promise };
}

describe('the limits of a WebSocket', () => {
  it('ends one that is idle, and tells the function', async () => {
    const { closed, ended } = await start(true, { idle: 100 });
    expect(await closed).toMatchObject({ code: 1001, reason: 'the connection was idle for too long' });
    expect(await ended).toBe('finished');
  });

  it('ends one that has lasted as long as it may, however busy', async () => {
    const { socket, opened, closed } = await start(true, { max: 200 });
    await opened;
    socket.addEventListener('message', () => socket.readyState === 1 && socket.send('again'));
    socket.send('first');
    expect(await closed).toMatchObject({ code: 1001, reason: 'the connection has lasted as long as it may' });
  });

  it('keeps one whose client answers pings, and closes it when the platform ends', async () => {
    const { server, opened, closed, socket } = await start(true, { ping: 50 });
    await opened;
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(socket.readyState).toBe(WebSocket.OPEN);
    const isClosing = server.close(5000);
    expect(await closed).toMatchObject({ code: 1001, reason: 'the platform is shutting down' });
    await isClosing;
  });

  it('answers 504 when the function does not decide in its time', async () => {
    const { closed, ended } = await start(false, {}, { timeoutMs: 50 });
    expect(await closed).toMatchObject({ code: 1006 });
    expect(await ended).toBe('cancelled');
  });
});
