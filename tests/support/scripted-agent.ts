import { type Duplex, duplexPair, type Readable } from 'node:stream';
import type { Invocation, InvocationRequest, ResponseHead } from '../../backend/core/invocation.ts';
import type { InstanceCall } from '../../backend/core/ports/instance-pool.ts';
import { AgentConnection } from '../../backend/execution-engine/protocol/agent-connection.ts';
import type {
  AgentConnectionOptions,
  AgentLogLine,
  ClosedReason,
  InitOptions,
} from '../../backend/execution-engine/protocol/connection-options.ts';
import { FrameDecoder } from '../../backend/execution-engine/protocol/frame-decoder.ts';
import { FrameEncoder } from '../../backend/execution-engine/protocol/frame-encoder.ts';
import { frameFlags, frameTypes as t } from '../../backend/execution-engine/protocol/frames.ts';
import type { InitMessage } from '../../backend/execution-engine/protocol/messages.ts';
import { newId } from '../../shared/ids.ts';
import { defaultVersionConfig } from '../../shared/version-config.ts';
import { wallClock } from './nodejs-agent-rig.ts';

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly id: number;
  readonly payload: Buffer;
}

/** The other end, played by the test frame by frame. */
export class ScriptedAgent {
  readonly stream: Duplex;
  readonly frames: Frame[] = [];
  readonly #encoder = new FrameEncoder();
  #waiters: (() => void)[] = [];

  constructor(stream: Duplex) {
    this.stream = stream;
    const decoder = new FrameDecoder({
      receive: (type, flags, id, payload) => {
        this.frames.push({ type, flags, id, payload });
        for (const waiter of this.#waiters.splice(0)) waiter();
      },
    });
    stream.on('data', (chunk: Buffer) => decoder.push(chunk));
    stream.on('error', () => undefined);
  }

  json(type: number, id: number, value: unknown, flags = 0): void {
    this.#encoder.text(type, flags, id, JSON.stringify(value));
    this.#write();
  }
  raw(type: number, id: number, payload: Buffer, flags = 0): void {
    this.#encoder.raw(type, flags, id, payload);
    this.#write();
  }
  response(id: number, meta: object, body: string | Buffer = '', flags: number = frameFlags.end): void {
    const usage = flags === frameFlags.end ? { cpuMs: 1.5, peakMemoryBytes: 1000 } : {};
    const whole = { status: 200, headers: [], event: false, ...usage, ...meta };
    this.#encoder.meta(t.response, flags, id, JSON.stringify(whole), [Buffer.from(body)]);
    this.#write();
  }
  end(id: number, more: object = {}): void {
    this.json(t.end, id, { cpuMs: 2, peakMemoryBytes: 3, ...more });
  }

  /** Waits for the next frame of a type that was not taken yet. */
  async next(type: number): Promise<Frame> {
    for (;;) {
      const at = this.frames.findIndex((frame) => frame.type === type);
      if (at >= 0) return this.frames.splice(at, 1)[0] as Frame;
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
    }
  }

  #write(): void {
    for (const bytes of this.#encoder.take()) this.stream.write(bytes);
  }
}

export const init: InitMessage = {
  functionName: 'f',
  functionVersion: 1,
  handler: 'index.handler',
  codeDirectory: '/app',
  env: {},
  memoryLimitMb: 128,
  concurrency: 10,
  initTimeoutMs: 5000,
  maxResponseBytes: 1000,
  logLimitBytes: 1000,
  logLineBytes: 100,
};
export const ready = { style: 'event', handlesBatch: false, importMs: 1, initMs: 2 };

export interface Rig {
  readonly agent: ScriptedAgent;
  readonly connection: AgentConnection;
  readonly logs: AgentLogLine[];
  readonly closed: ClosedReason[];
  readonly violations: string[];
  readonly events: string[];
}

const open: AgentConnection[] = [];
/** For afterEach. */
export function closeAll(): void {
  for (const connection of open.splice(0)) connection.close('test over');
}

export function rig(options: Partial<AgentConnectionOptions> = {}): Rig {
  const [host, guest] = duplexPair();
  const logs: AgentLogLine[] = [];
  const closed: ClosedReason[] = [];
  const violations: string[] = [];
  const events: string[] = [];
  const connection = new AgentConnection({
    stream: host,
    clock: wallClock,
    onLog: (line) => logs.push(line),
    onClosed: (reason) => closed.push(reason),
    onViolation: (message) => violations.push(message),
    onExiting: () => events.push('exiting'),
    onLingering: (why) => events.push(why),
    onSettled: () => events.push('settled'),
    ...options,
  });
  open.push(connection);
  return { agent: new ScriptedAgent(guest), connection, logs, closed, violations, events };
}

export async function readyRig(options: Partial<AgentConnectionOptions> = {}, how: InitOptions = {}): Promise<Rig> {
  const made = rig(options);
  made.agent.json(t.hello, 0, { protocol: 1, runtime: 'nodejs', runtimeVersion: '24', pid: 2 });
  await made.connection.open();
  const initialised = made.connection.init(init, how);
  await made.agent.next(t.init);
  made.agent.json(t.ready, 0, ready);
  await initialised;
  return made;
}

export interface TestCall extends InstanceCall {
  readonly heads: ResponseHead[];
  readonly chunks: Buffer[];
  readonly abort: AbortController;
}

export function callOf(
  request: InvocationRequest = { kind: 'event', body: Buffer.from('{"n":1}') },
  options: { timeoutMs?: number; maxResponseBytes?: number; chunk?: (data: Buffer) => Promise<void> | undefined } = {},
): TestCall {
  const now = Date.now();
  const heads: ResponseHead[] = [];
  const chunks: Buffer[] = [];
  const abort = new AbortController();
  const config = { ...defaultVersionConfig('nodejs', 'fake'), maxResponseBytes: options.maxResponseBytes ?? 1000 };
  const invocation: Invocation = {
    id: newId('invocation'),
    version: {
      versionId: newId('version'),
      functionId: newId('function'),
      functionName: 'f',
      version: 1,
      digest: '' as never,
      config,
    },
    qualifier: 'live',
    trigger: 'api',
    request,
    acceptedAt: now,
    enteredAt: performance.now(),
    deadlineAt: now + (options.timeoutMs ?? 10_000),
    attempt: 1,
    traceparent: undefined,
    depth: 0,
    replayOf: undefined,
  };
  const sink = {
    head: (head: ResponseHead) => heads.push(head),
    chunk: (data: Buffer) => {
      chunks.push(data);
      return options.chunk?.(data);
    },
  };
  return { invocation, sink, signal: abort.signal, heads, chunks, abort };
}

export const http = (body: Buffer | Readable, method = 'POST'): InvocationRequest => ({
  kind: 'http',
  method,
  target: '/a?b=c',
  headers: ['x-a', '1'],
  clientAddress: '127.0.0.1',
  scheme: 'http',
  host: 'example.test',
  params: {},
  body,
});

export function metaOf(frame: Frame): Record<string, unknown> {
  return JSON.parse(frame.payload.toString('utf8', 4, 4 + frame.payload.readUInt32BE(0)));
}
export function bodyOf(frame: Frame): Buffer {
  return frame.payload.subarray(4 + frame.payload.readUInt32BE(0));
}
/** Lets everything that is under way in this process arrive. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
export function logFrame(level: number, stream: number, flags: number, text: string): Buffer {
  return Buffer.concat([Buffer.from([level, stream, 0, flags]), Buffer.from(text)]);
}
export function* chunksOf(total: number, size: number): Generator<Buffer> {
  for (let left = total; left > 0; left -= size) yield Buffer.alloc(Math.min(size, left), 'x');
}
