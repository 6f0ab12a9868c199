import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { BundleDigest, FunctionId, VersionId } from '../../../shared/ids.ts';
import { defaultVersionConfig } from '../../../shared/version-config.ts';
import type { CancelSignal } from '../../core/cancel-signal.ts';
import type { Invocation, InvocationReport, ResponseSink } from '../../core/invocation.ts';
import type { FunctionDirectory } from '../../core/ports/function-directory.ts';
import type { Scheduler } from '../../core/ports/scheduler.ts';
import { SystemClock } from '../../core/system-clock.ts';
import { GatewayFleet } from './gateway-fleet.ts';

type Invoke = (invocation: Invocation, sink: ResponseSink, signal: CancelSignal) => Promise<InvocationReport>;

const done: InvocationReport = {
  outcome: { kind: 'success' },
  start: 'warm',
  instanceId: undefined,
  httpStatus: 200,
  timing: {
    queuedMs: 0,
    acquireMs: 0,
    bootMs: 0,
    loadMs: 0,
    initMs: 0,
    firstByteMs: 0,
    handlerMs: 0,
    flushMs: 0,
    totalMs: 0,
  },
  usage: { cpuMs: 0, peakMemoryBytes: 0, requestBytes: 0, responseBytes: 0 },
} as InvocationReport;

let folder: string;
let fleet: GatewayFleet | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hearth-fleet-'));
});
afterEach(async () => {
  await fleet?.close(0);
  rmSync(folder, { recursive: true, force: true });
});

async function start(
  invoke: Invoke,
): Promise<{ readonly url: string; readonly port: number; readonly logged: string[] }> {
  const logged: string[] = [];
  const version = {
    versionId: 'ver_1' as VersionId,
    functionId: 'fn_1' as FunctionId,
    functionName: 'f',
    version: 1,
    digest: 'd' as BundleDigest,
    config: defaultVersionConfig('nodejs', 'fake'),
  };
  const match = { version, qualifier: 'live', params: {}, basePath: '' };
  const directory = { matchRoute: () => ({ kind: 'match', match }) } as unknown as FunctionDirectory;
  fleet = new GatewayFleet({
    directory,
    scheduler: { invoke } as unknown as Scheduler,
    clock: new SystemClock(),
    logger: { error: (_detail, message) => void logged.push(message) },
    trustsProxy: false,
    processes: 2,
    program: join(import.meta.dirname, 'process.ts'),
    runDirectory: folder,
  });
  const port = await fleet.listen('127.0.0.1', 0);
  return { url: `http://127.0.0.1:${port}/`, port, logged };
}

const answer: Invoke = async (_invocation, sink) => {
  sink.head({ status: 200, headers: [], isEventResult: false });
  void sink.chunk(Buffer.from('hello'));
  return done;
};

test('a gateway process that dies takes its calls with it, and is started again on the same port', async () => {
  const cancelled = Promise.withResolvers<void>();
  const running = Promise.withResolvers<void>();
  const { url, logged } = await start(async (invocation, sink, signal) => {
    if (invocation.request.kind === 'http' && invocation.request.target !== '/hang')
      return answer(invocation, sink, signal);
    signal.addEventListener('abort', () => cancelled.resolve());
    running.resolve();
    await cancelled.promise;
    return done;
  });
  const hanging = fetch(`${url}hang`).catch((error: unknown) => error);
  await running.promise;
  const before = fleet?.pids ?? [];
  for (const pid of before) process.kill(pid, 'SIGKILL');
  await cancelled.promise;
  expect(await hanging).toBeInstanceOf(Error);
  const answered = async () =>
    await fetch(url).then(
      (response) => response.text(),
      () => '',
    );
  await expect.poll(answered).toBe('hello');
  await expect.poll(() => fleet?.pids.filter((pid) => !before.includes(pid)).length).toBe(2);
  expect(logged).toHaveLength(2);
});

test('a client that reads nothing holds the function back', async () => {
  let sent = 0;
  const full = Promise.withResolvers<void>();
  const { port } = await start(async (_invocation, sink, signal) => {
    sink.head({ status: 200, headers: [], isEventResult: false });
    const piece = Buffer.alloc(65_536);
    let isOver = false;
    signal.addEventListener('abort', () => {
      isOver = true;
    });
    while (!isOver) {
      const room = sink.chunk(piece);
      sent += piece.length;
      if (room === undefined) continue;
      const verdict = await Promise.race([room, new Promise((resolve) => setTimeout(resolve, 1000, 'full'))]);
      if (verdict !== 'full') continue;
      full.resolve();
      await room;
    }
    return done;
  });
  const socket = connect(port, '127.0.0.1');
  socket.pause();
  socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await full.promise;
  // The buffers of the kernel, and the window.
  expect(sent).toBeLessThan(32 * 1024 * 1024);
  const filled = sent;
  socket.resume();
  await expect.poll(() => sent).toBeGreaterThan(filled);
  socket.destroy();
});

test('a close waits for the response that is on its way, and ends what is idle', async () => {
  const begin = Promise.withResolvers<void>();
  const end = Promise.withResolvers<void>();
  const { port } = await start(async (invocation, sink, signal) => {
    begin.resolve();
    await end.promise;
    return answer(invocation, sink, signal);
  });
  const idle = connect(port, '127.0.0.1').resume();
  await once(idle, 'connect');
  // It may be in the queue of another process still, which resets what it never accepted.
  const idleEnded = new Promise((resolve) => idle.on('error', () => undefined).once('close', resolve));
  const busy = connect(port, '127.0.0.1');
  busy.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await begin.promise;
  const closed = fleet?.close(20_000);
  await idleEnded;
  let text = '';
  busy.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  end.resolve();
  await once(busy, 'close');
  expect(text).toMatch(/^HTTP\/1\.1 200 .*hello$/s);
  expect(text.toLowerCase()).toContain('connection: close');
  await closed;
});
