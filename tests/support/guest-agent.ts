import { randomBytes } from 'node:crypto';
import type { ResponseHead } from '../../backend/core/invocation.ts';
import type { Sandbox } from '../../backend/core/ports/sandbox.ts';
import { SystemClock } from '../../backend/core/system-clock.ts';
import { AgentConnection } from '../../backend/execution-engine/protocol/agent-connection.ts';
import type { InitMessage } from '../../backend/execution-engine/protocol/messages.ts';
import { newId } from '../../shared/ids.ts';
import { defaultVersionConfig, type RuntimeName } from '../../shared/version-config.ts';

const { signal: never } = new AbortController();
const limits = { logLimitBytes: 100_000, logLineBytes: 1000 };
const patienceMs = 30_000;

/** The agent inside a sandbox, driven without a pool. */
export class GuestAgent {
  readonly connection: AgentConnection;
  readonly #runtime: RuntimeName;

  private constructor(connection: AgentConnection, runtime: RuntimeName) {
    this.connection = connection;
    this.#runtime = runtime;
  }

  /** One that has just been started. */
  static async started(sandbox: Sandbox, runtime: RuntimeName, init: Partial<InitMessage> = {}): Promise<GuestAgent> {
    const agent = await GuestAgent.waiting(sandbox, runtime);
    await agent.init(init);
    return agent;
  }

  /** One that has just been started, and has no version yet. */
  static async waiting(sandbox: Sandbox, runtime: RuntimeName): Promise<GuestAgent> {
    const agent = await GuestAgent.#of(sandbox, runtime);
    await agent.connection.open({ timeoutMs: patienceMs });
    return agent;
  }

  /** Loads what is at the place of the code. */
  async init(init: Partial<InitMessage> = {}): Promise<void> {
    await this.connection.init({
      functionName: 'guest',
      functionVersion: 1,
      handler: this.#runtime === 'python' ? 'main.handler' : 'index.handler',
      codeDirectory: '/app',
      env: {},
      memoryLimitMb: 128,
      concurrency: 1,
      initTimeoutMs: patienceMs,
      maxResponseBytes: 1_000_000,
      ...limits,
      ...init,
    });
  }

  /** One that was loaded when its sandbox was snapshotted, or waited for a version then. */
  static async restored(sandbox: Sandbox, runtime: RuntimeName, isLoaded = true): Promise<GuestAgent> {
    const agent = await GuestAgent.#of(sandbox, runtime);
    agent.connection.resume(limits, isLoaded);
    await agent.afterRestore();
    return agent;
  }

  async afterRestore(): Promise<void> {
    await this.connection.afterRestore({ nowMs: Date.now(), entropy: randomBytes(64) }, { timeoutMs: patienceMs });
  }

  /** What the handler returned for `event`. */
  async event(event: unknown): Promise<unknown> {
    const chunks: Buffer[] = [];
    const sink = { head: (_head: ResponseHead) => undefined, chunk: (data: Buffer) => void chunks.push(data) };
    const now = Date.now();
    const { outcome } = await this.connection.invoke({
      invocation: {
        id: newId('invocation'),
        version: {
          versionId: newId('version'),
          functionId: newId('function'),
          functionName: 'guest',
          version: 1,
          digest: '' as never,
          config: defaultVersionConfig(this.#runtime, 'qemu'),
        },
        qualifier: 'live',
        trigger: 'api',
        request: { kind: 'event', body: Buffer.from(JSON.stringify(event)) },
        acceptedAt: now,
        enteredAt: performance.now(),
        deadlineAt: now + patienceMs,
        attempt: 1,
        traceparent: undefined,
        depth: 0,
        replayOf: undefined,
      },
      sink,
      signal: never,
    });
    if (outcome.kind !== 'success') throw Object.assign(new Error('the call failed'), outcome);
    return JSON.parse(Buffer.concat(chunks).toString());
  }

  static async #of(sandbox: Sandbox, runtime: RuntimeName): Promise<GuestAgent> {
    const stream = await sandbox.connect(never);
    return new GuestAgent(new AgentConnection({ stream, clock: new SystemClock() }), runtime);
  }
}
