import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';

/** Frame types of docs/protocol.md, written down a second time on purpose: the tests check the document, not our own code. */
export const frames = {
  hello: 1,
  init: 2,
  ready: 3,
  invoke: 4,
  body: 5,
  end: 6,
  response: 7,
  error: 8,
  cancel: 9,
  log: 10,
  window: 11,
  ping: 12,
  pong: 13,
  drain: 14,
  beforeSnapshot: 15,
  afterRestore: 16,
} as const;
export const flagEnd = 1;
const flagBatch = 2;

export interface RawFrame {
  readonly type: number;
  readonly flags: number;
  readonly id: number;
  readonly payload: Buffer;
}

export interface RawResponse {
  readonly meta: { status: number; headers: string[]; event: boolean; cpuMs?: number; peakMemoryBytes?: number };
  readonly body: Buffer;
}

function encodeFrame(type: number, id: number, payload: Buffer | string = '', flags = 0): Buffer {
  const bytes = Buffer.from(payload as string);
  const header = Buffer.alloc(12);
  header.writeUInt32BE(bytes.length, 0);
  header[4] = type;
  header[5] = flags;
  header.writeUInt32BE(id, 8);
  return Buffer.concat([header, bytes]);
}

function withMeta(meta: unknown, body: Buffer = Buffer.alloc(0)): Buffer {
  const json = Buffer.from(JSON.stringify(meta));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(json.length);
  return Buffer.concat([length, json, body]);
}

export function splitMeta(payload: Buffer): RawResponse {
  const length = payload.readUInt32BE(0);
  return { meta: JSON.parse(payload.toString('utf8', 4, 4 + length)), body: payload.subarray(4 + length) };
}

export interface RawAgentOptions {
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** A real agent in a real process without a sandbox, its channel a socket pair on fd 3, driven frame by frame. */
export class RawAgent {
  readonly child: ChildProcess;
  readonly channel: Duplex;
  readonly received: RawFrame[] = [];
  /** What the process wrote to the real stdout and stderr, past the agent. */
  output = '';
  readonly exited: Promise<number | null>;
  #buffer: Buffer = Buffer.alloc(0);
  #arrived: (() => void)[] = [];
  #nextId = 1;

  constructor(options: RawAgentOptions) {
    const [command = '', ...args] = options.argv;
    this.child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      env: { PATH: '/usr/bin:/bin', HEARTH_CHANNEL: 'fd:3', ...options.env },
    });
    this.channel = this.child.stdio[3] as Duplex;
    this.channel.on('data', (data: Buffer) => this.#read(data));
    this.channel.on('error', () => undefined);
    const append = (data: Buffer): void => {
      this.output += data.toString();
    };
    this.child.stdout?.on('data', append);
    this.child.stderr?.on('data', append);
    this.exited = once(this.child, 'exit').then(([code]) => {
      this.#wake();
      return code as number | null;
    });
  }

  send(type: number, id: number, payload?: Buffer | string, flags?: number): void {
    this.channel.write(encodeFrame(type, id, payload, flags));
  }

  /** Waits for a frame that fits and takes it out of `received`. */
  async next(fits: (frame: RawFrame) => boolean, timeoutMs = 20_000): Promise<RawFrame> {
    const until = Date.now() + timeoutMs;
    for (;;) {
      const index = this.received.findIndex(fits);
      const frame = this.received[index];
      if (frame !== undefined) {
        this.received.splice(index, 1);
        return frame;
      }
      if (this.child.exitCode !== null || Date.now() > until) {
        const seen = this.received.map((item) => `${item.type}#${item.id} ${item.payload.toString('utf8', 0, 300)}`);
        throw new Error(`no such frame; there were: ${seen.join(' | ')}; output: ${this.output}`);
      }
      await this.#change(until - Date.now());
    }
  }

  async init(codeDirectory: string, handler: string, more: Record<string, unknown> = {}): Promise<RawFrame> {
    await this.next((frame) => frame.type === frames.hello);
    const message = {
      functionName: 'probe',
      functionVersion: 3,
      handler,
      codeDirectory,
      env: {},
      memoryLimitMb: 128,
      concurrency: 1,
      initTimeoutMs: 10_000,
      maxResponseBytes: 20_971_520,
      logLimitBytes: 1_048_576,
      logLineBytes: 16_384,
      ...more,
    };
    this.send(frames.init, 0, JSON.stringify(message));
    return this.next((frame) => frame.type === frames.ready || (frame.type === frames.error && frame.id === 0));
  }

  meta(more: Record<string, unknown> = {}): Record<string, unknown> {
    const deadlineMs = Date.now() + 30_000;
    return { invocationId: 'inv_x', kind: 'event', deadlineMs, attempt: 1, trigger: 'api', depth: 0, ...more };
  }

  /** Sends a whole event, or bytes as they are, and returns the id. */
  invoke(event: unknown, more: Record<string, unknown> = {}): number {
    const id = this.#nextId++;
    const body = Buffer.isBuffer(event) ? event : Buffer.from(JSON.stringify(event));
    this.send(frames.invoke, id, withMeta(this.meta(more), body), flagEnd);
    return id;
  }

  /** Sends an HTTP request; without `body` the caller sends BODY frames itself. */
  request(
    method: string,
    target: string,
    body: Buffer | undefined,
    headers: readonly string[] = [],
    host = 'fn.example:8080',
  ): number {
    const id = this.#nextId++;
    const meta = this.meta({
      kind: 'http',
      trigger: 'http',
      method,
      target,
      headers,
      clientAddress: '192.0.2.7',
      scheme: 'http',
      host,
      params: { id: '7' },
    });
    this.send(frames.invoke, id, withMeta(meta, body), body === undefined ? 0 : flagEnd);
    return id;
  }

  batch(events: readonly unknown[]): number {
    const bodies = events.map((event) => Buffer.from(JSON.stringify(event)));
    const items = bodies.map((body, i) => this.meta({ invocationId: `inv_${i}`, bodyBytes: body.length }));
    const id = this.#nextId;
    this.#nextId += events.length;
    this.send(frames.invoke, id, withMeta({ items }, Buffer.concat(bodies)), flagEnd | flagBatch);
    return id;
  }

  /** The frame that ends the call: RESPONSE with END, END or ERROR. */
  ended(id: number): Promise<RawFrame> {
    return this.next(
      (frame) =>
        frame.id === id &&
        (frame.type === frames.error ||
          frame.type === frames.end ||
          (frame.type === frames.response && frame.flags === 1)),
    );
  }

  /** A whole response, or throws what ERROR said. */
  async response(id: number): Promise<RawResponse> {
    const frame = await this.ended(id);
    if (frame.type !== frames.response) throw new Error(`ended with ${frame.type}: ${frame.payload.toString()}`);
    return splitMeta(frame.payload);
  }

  async result(id: number): Promise<unknown> {
    return JSON.parse((await this.response(id)).body.toString());
  }

  async error(id: number): Promise<{ type: string; message: string; stack: string; fatal: boolean }> {
    const frame = await this.ended(id);
    if (frame.type !== frames.error) throw new Error(`ended well: ${frame.payload.toString()}`);
    return JSON.parse(frame.payload.toString());
  }

  /** Log entries of a call so far: `level stream text`. */
  logs(id: number): readonly string[] {
    return this.received
      .filter((frame) => frame.type === frames.log && frame.id === id)
      .map(({ payload }) => `${payload[0]} ${payload[1]} ${payload.toString('utf8', 4)}`);
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.exited;
    this.channel.destroy();
  }

  #read(data: Buffer): void {
    this.#buffer = this.#buffer.length === 0 ? data : Buffer.concat([this.#buffer, data]);
    while (this.#buffer.length >= 12) {
      const length = this.#buffer.readUInt32BE(0);
      if (this.#buffer.length < 12 + length) break;
      this.received.push({
        type: this.#buffer[4] ?? 0,
        flags: this.#buffer[5] ?? 0,
        id: this.#buffer.readUInt32BE(8),
        payload: this.#buffer.subarray(12, 12 + length),
      });
      this.#buffer = this.#buffer.subarray(12 + length);
    }
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#arrived.splice(0)) wake();
  }

  #change(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.max(1, timeoutMs));
      this.#arrived.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}
