import { mkdtempSync, rmSync } from 'node:fs';
import { type Agent, request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, afterEach } from 'vitest';
import type { CancelSignal } from '../../backend/core/cancel-signal.ts';
import type { Invocation, InvocationReport, ResponseSink } from '../../backend/core/invocation.ts';
import type { FunctionDirectory, RouteResult } from '../../backend/core/ports/function-directory.ts';
import type { Scheduler } from '../../backend/core/ports/scheduler.ts';
import { SystemClock } from '../../backend/core/system-clock.ts';
import { GatewayFleet } from '../../backend/gateway/fleet/gateway-fleet.ts';
import { GatewayServer, type GatewayServerOptions } from '../../backend/gateway/server.ts';
import type { BundleDigest, FunctionId, VersionId } from '../../shared/ids.ts';
import type { InvocationOutcome } from '../../shared/invocation.ts';
import { defaultVersionConfig, type VersionConfig } from '../../shared/version-config.ts';
import { idleScheduler } from '../fakes/idle-scheduler.ts';

/** What stands for a function. */
export type Run = (
  invocation: Invocation,
  sink: ResponseSink,
  signal: CancelSignal,
) => Promise<InvocationOutcome | InvocationReport>;

export const version = (config: Partial<VersionConfig> = {}) => ({
  versionId: 'ver_1' as VersionId,
  functionId: 'fn_1' as FunctionId,
  functionName: 'echo',
  version: 1,
  digest: 'd' as BundleDigest,
  config: { ...defaultVersionConfig('nodejs', 'fake'), ...config },
});
const report = (outcome: InvocationOutcome): InvocationReport => ({
  outcome,
  start: 'warm',
  instanceId: undefined,
  httpStatus: 200,
  timing: {
    queuedMs: 1,
    acquireMs: 0,
    bootMs: 0,
    loadMs: 0,
    initMs: 0,
    firstByteMs: 1,
    handlerMs: 2,
    flushMs: 0,
    totalMs: 3,
  },
  usage: { cpuMs: 0, peakMemoryBytes: 0, requestBytes: 0, responseBytes: 0 },
});

/** The parser for plain requests, Node's for all of them, or two processes that have the first and leave the rest to the second. */
export const ways = ['direct', 'node', 'processes'] as const;
const folder = mkdtempSync(join(tmpdir(), 'hearth-gateway-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
/** How the next gateway is started and called. Requests that ask for the end of the connection, as those without an agent, are none of the plain ones. */
export const using: { parser: (typeof ways)[number]; agent: Agent | false } = { parser: 'direct', agent: false };
/** Those of this test. */
export const openGateways: Pick<GatewayServer, 'close'>[] = [];
afterEach(async () => {
  if (using.agent !== false) using.agent.destroy();
  await Promise.all(openGateways.splice(0).map((server) => server.close(0)));
});

interface Setup {
  readonly port: number;
  readonly logged: object[];
}

/** A gateway on a port of its own, which is closed after the test. */
export async function start(
  run: Run,
  options: Partial<Pick<GatewayServerOptions, 'trustsProxy' | 'stalledClientMs' | 'timeouts' | 'callChains'>> & {
    config?: Partial<VersionConfig>;
    route?: (method: string, path: string) => RouteResult;
  } = {},
): Promise<Setup> {
  const { config, route, ...given } = options;
  const logged: object[] = [];
  const directory: Pick<FunctionDirectory, 'matchRoute'> = {
    matchRoute:
      route ??
      ((_method, path) =>
        path === '/echo' || path.startsWith('/echo/')
          ? {
              kind: 'match',
              match: { version: version(config), qualifier: 'live', params: {}, basePath: '/echo' },
            }
          : { kind: 'none' }),
  };
  const scheduler: Scheduler = {
    ...idleScheduler,
    invoke: async (invocation, sink, signal) => {
      const result = await run(invocation, sink, signal);
      return 'outcome' in result ? result : report(result);
    },
  };
  const logger = { error: (detail: object) => void logged.push(detail) };
  const common = { directory, scheduler, clock: new SystemClock(), logger, trustsProxy: false, ...given };
  const program = join(import.meta.dirname, '../../backend/gateway/fleet/process.ts');
  const server =
    using.parser === 'processes'
      ? new GatewayFleet({ ...common, processes: 2, program, runDirectory: folder })
      : new GatewayServer({ ...common, usesNodeParserOnly: using.parser === 'node' });
  openGateways.push(server);
  return { port: await server.listen('127.0.0.1', 0), logged };
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}
/** One request, with its answer whole. */
export function call(
  port: number,
  path: string,
  options: { method?: string; headers?: Record<string, string>; body?: string | Readable } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      {
        port,
        host: '127.0.0.1',
        path,
        method: options.method ?? 'GET',
        headers: options.headers ?? {},
        agent: using.agent,
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks).toString(),
          }),
        );
        response.on('aborted', () => reject(new Error('aborted')));
      },
    );
    request.on('error', reject);
    if (options.body instanceof Readable) options.body.pipe(request);
    else request.end(options.body);
  });
}
/** Writes bytes as they are and reads until the server closes. */
export function raw(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text));
    let answer = '';
    socket.on('data', (chunk) => {
      answer += chunk.toString();
    });
    socket.on('close', () => resolve(answer));
    socket.on('error', reject);
  });
}
export async function bodyOf(invocation: Invocation): Promise<Buffer> {
  if (invocation.request.kind !== 'http') throw new Error('http expected');
  if (Buffer.isBuffer(invocation.request.body)) return invocation.request.body;
  const chunks: Buffer[] = [];
  for await (const chunk of invocation.request.body) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
/** Says what it was told. */
export const ok: Run = async (invocation, sink) => {
  const body = await bodyOf(invocation);
  sink.head({ status: 200, headers: ['content-type', 'text/plain'], isEventResult: false });
  void sink.chunk(body);
  return { kind: 'success' };
};
