import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { Invocation, InvocationRequest, ResponseHead } from '../../backend/core/invocation.ts';
import type { Clock } from '../../backend/core/ports/clock.ts';
import type { InstanceCall, InstanceResult } from '../../backend/core/ports/instance-pool.ts';
import { SystemClock } from '../../backend/core/system-clock.ts';
import { AgentConnection } from '../../backend/execution-engine/protocol/agent-connection.ts';
import type { AgentLogLine, ClosedReason } from '../../backend/execution-engine/protocol/connection-options.ts';
import type { InitMessage, Ready } from '../../backend/execution-engine/protocol/messages.ts';
import { type InvocationId, newId } from '../../shared/ids.ts';
import { defaultVersionConfig } from '../../shared/version-config.ts';

export const wallClock: Clock = new SystemClock();

export interface Answer {
  readonly result: InstanceResult;
  readonly head: ResponseHead | undefined;
  readonly body: Buffer;
  readonly id: InvocationId;
}
export interface CallOptions {
  readonly request?: InvocationRequest;
  readonly timeoutMs?: number;
  readonly maxResponseBytes?: number;
  readonly signal?: AbortSignal;
  readonly chunk?: (data: Buffer) => Promise<void> | undefined;
  readonly keepBody?: boolean;
}

/** The real agent as a child process without a sandbox, and a connection to it. */
export class NodejsAgentRig {
  readonly logs: AgentLogLine[] = [];
  readonly closed: ClosedReason[] = [];
  readonly violations: string[] = [];
  readonly events: string[] = [];
  readonly child: ChildProcess;
  readonly connection: AgentConnection;
  readonly directory: string;
  stdout = '';
  stderr = '';
  #settled: (() => void)[] = [];

  private constructor(directory: string, nodeFlags: readonly string[], environment: Readonly<Record<string, string>>) {
    this.directory = directory;
    const agent = join(import.meta.dirname, '../../dist/guest/nodejs/agent.cjs');
    this.child = spawn(process.execPath, [...nodeFlags, agent], {
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      env: { HEARTH_CHANNEL: 'fd:3', PATH: '/usr/bin:/bin', HOME: '/tmp', ...environment },
    });
    this.child.stdout?.on('data', (chunk: Buffer) => {
      this.stdout += chunk.toString();
    });
    this.child.stderr?.on('data', (chunk: Buffer) => {
      this.stderr += chunk.toString();
    });
    this.connection = new AgentConnection({
      stream: this.child.stdio[3] as Duplex,
      clock: wallClock,
      onLog: (line) => this.logs.push(line),
      onClosed: (reason) => this.closed.push(reason),
      onViolation: (message) => this.violations.push(message),
      onExiting: () => this.events.push('exiting'),
      onLingering: (why) => this.events.push(why),
      onSettled: () => {
        this.events.push('settled');
        for (const done of this.#settled.splice(0)) done();
      },
    });
  }

  /** Starts an agent that has said HELLO, with a bundle of these files. */
  static async start(
    files: Readonly<Record<string, string>>,
    nodeFlags: readonly string[] = [],
    environment: Readonly<Record<string, string>> = {},
  ): Promise<NodejsAgentRig> {
    const directory = await mkdtemp(join(tmpdir(), 'hearth-agent-'));
    for (const [name, text] of Object.entries(files)) {
      const { mkdir } = await import('node:fs/promises');
      await mkdir(dirname(join(directory, name)), { recursive: true });
      await writeFile(join(directory, name), text);
    }
    const rig = new NodejsAgentRig(directory, nodeFlags, environment);
    await rig.connection.open();
    return rig;
  }

  init(more: Partial<InitMessage> = {}): Promise<Ready> {
    return this.connection.init({
      functionName: 'echo',
      functionVersion: 3,
      handler: 'index.handler',
      codeDirectory: this.directory,
      env: {},
      memoryLimitMb: 128,
      concurrency: 100,
      initTimeoutMs: 60_000,
      maxResponseBytes: 64 * 1024 * 1024,
      logLimitBytes: 100_000,
      logLineBytes: 1000,
      ...more,
    });
  }

  call(options: CallOptions = {}): { readonly call: InstanceCall; readonly answer: () => Omit<Answer, 'result'> } {
    const now = Date.now();
    const config = {
      ...defaultVersionConfig('nodejs', 'fake'),
      maxResponseBytes: options.maxResponseBytes ?? 64 * 1024 * 1024,
    };
    const invocation: Invocation = {
      id: newId('invocation'),
      version: {
        versionId: newId('version'),
        functionId: newId('function'),
        functionName: 'echo',
        version: 3,
        digest: '' as never,
        config,
      },
      qualifier: 'live',
      trigger: options.request?.kind === 'http' ? 'http' : 'api',
      request: options.request ?? { kind: 'event', body: Buffer.from('{}') },
      acceptedAt: now,
      enteredAt: performance.now(),
      deadlineAt: now + (options.timeoutMs ?? 30_000),
      attempt: 1,
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      depth: 0,
      replayOf: undefined,
    };
    let head: ResponseHead | undefined;
    const chunks: Buffer[] = [];
    const sink = {
      head: (given: ResponseHead) => {
        head = given;
      },
      chunk: (data: Buffer) => {
        if (options.keepBody !== false) chunks.push(data);
        return options.chunk?.(data);
      },
    };
    const call: InstanceCall = { invocation, sink, signal: options.signal ?? new AbortController().signal };
    return { call, answer: () => ({ head, body: Buffer.concat(chunks), id: invocation.id }) };
  }

  async invoke(options: CallOptions = {}): Promise<Answer> {
    const { call, answer } = this.call(options);
    const result = await this.connection.invoke(call);
    return { result, ...answer() };
  }

  /** An API call with this event; resolves with the parsed result. */
  async event(event: unknown, options: CallOptions = {}): Promise<unknown> {
    const request = { kind: 'event', body: Buffer.from(JSON.stringify(event) ?? '') } as const;
    const answer = await this.invoke({ ...options, request });
    if (answer.result.outcome.kind !== 'success') throw Object.assign(new Error('failed'), answer.result.outcome);
    return JSON.parse(answer.body.toString());
  }

  /** Resolves when the next lingering call has ended inside. */
  settled(): Promise<void> {
    return new Promise((resolve) => this.#settled.push(resolve));
  }

  /** The child's exit code or signal. */
  exited(): Promise<number | string | null> {
    const { child } = this;
    if (child.exitCode !== null || child.signalCode !== null)
      return Promise.resolve(child.exitCode ?? child.signalCode);
    return new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal)));
  }

  async close(): Promise<void> {
    this.connection.close('test over');
    const gone = this.exited();
    this.child.kill('SIGKILL');
    await gone;
    await rm(this.directory, { recursive: true, force: true });
  }
}

export function httpRequest(more: Partial<Extract<InvocationRequest, { kind: 'http' }>> = {}): InvocationRequest {
  return {
    kind: 'http',
    method: 'POST',
    target: '/a/b?x=1&x=2&y=%20z',
    headers: ['Host', 'fn.test:8080', 'Content-Type', 'application/json', 'X-A', '1', 'x-a', '2', 'Cookie', 'c=1; d=2'],
    clientAddress: '10.0.0.9',
    scheme: 'http',
    host: 'fn.test:8080',
    params: {},
    body: Buffer.from('{"n":1}'),
    ...more,
  };
}

/** The rigs of one test file. Put `afterEach(() => agentRigs.closeAll())` there, and nothing stays behind. */
class AgentRigs {
  readonly #open: NodejsAgentRig[] = [];

  async start(...how: Parameters<typeof NodejsAgentRig.start>): Promise<NodejsAgentRig> {
    const rig = await NodejsAgentRig.start(...how);
    this.#open.push(rig);
    return rig;
  }

  /** Started and initialised. One text is the file index.mjs. */
  async started(
    files: Readonly<Record<string, string>> | string,
    init: Parameters<NodejsAgentRig['init']>[0] = {},
  ): Promise<NodejsAgentRig> {
    const rig = await this.start(typeof files === 'string' ? { 'index.mjs': files } : files);
    await rig.init(init);
    return rig;
  }

  async closeAll(): Promise<void> {
    await Promise.all(this.#open.splice(0).map((rig) => rig.close()));
  }
}

export const agentRigs = new AgentRigs();
