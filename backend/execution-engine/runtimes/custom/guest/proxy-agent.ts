import { SlotTable } from '../../../../util/slot-table.ts';
import { Call, type CallEnvironment } from '../../nodejs/guest/call.ts';
import { Channel } from '../../nodejs/guest/channel.ts';
import type { ChannelStream } from '../../nodejs/guest/channel-stream.ts';
import { clockOffset } from '../../nodejs/guest/context.ts';
import { EarlyCalls } from '../../nodejs/guest/early-calls.ts';
import { describeError, type StackPaths } from '../../nodejs/guest/errors.ts';
import { LogCapture } from '../../nodejs/guest/logs.ts';
import type { CancelReason, InitMessage, InvokeMeta } from '../../nodejs/guest/messages.ts';
import { monotonic } from '../../nodejs/guest/originals.ts';
import { Tunnels } from '../../nodejs/guest/tunnels.ts';
import { alsoCount, startUsage } from '../../nodejs/guest/usage.ts';
import { flagBatch, flagEnd, frameTypes, noBytes } from '../../nodejs/guest/wire.ts';
import type { ProcessUsage } from './process-usage.ts';

/** Exit codes that the agent itself chooses. */
const exits = { drained: 0, crashed: 1, lostHost: 69 } as const;

/** What a backend tells its agent. */
export interface BackendHost {
  /** The program takes calls. */
  ready(): void;
  /** It does not start, or ended while nothing ran: said to the host, and the agent ends. */
  failed(error: Error): void;
  /** It ended while calls ran: the agent ends in the same way, so that the host sees how. */
  ended(code: number | null, signal: NodeJS.Signals | null, error: Error): void;
  /** A line that it printed. */
  print(owner: Call | undefined, stream: 'stdout' | 'stderr', text: string): void;
}

/** The program behind an agent, and the way in which it takes calls. */
export interface Backend {
  /** `custom` or `image`, for HELLO. */
  readonly runtime: string;
  start(env: CallEnvironment, host: BackendHost): void;
  /** Gives the program a call. Never rejects. */
  offer(call: Call): Promise<void>;
  /** Nobody waits for this call any more. */
  cancelled(call: Call, reason: CancelReason): void;
  /** The call is over. */
  forget(call: Call): void;
  usage(): ProcessUsage;
  /** Asks the program to end; resolves when it has, or is given up. */
  stop(): Promise<void>;
  kill(): void;
}

/** The host's side of an agent that is not the function itself but stands before a program: frames, calls and how it all ends. */
export class ProxyAgent {
  readonly #channel: Channel;
  readonly #logs: LogCapture;
  readonly #calls = new SlotTable<Call>();
  readonly #tunnels: Tunnels;
  readonly #backend: Backend;
  readonly #codeDirectory: string | undefined;
  readonly #paths: StackPaths;
  #env: CallEnvironment | undefined;
  #isReady = false;
  readonly #early = new EarlyCalls();
  #isDraining = false;
  #isExiting = false;
  #startedAt = 0;

  /** `codeDirectory` overrides the one in INIT. */
  constructor(stream: ChannelStream, backend: Backend, agentPath: string, codeDirectory: string | undefined) {
    this.#backend = backend;
    this.#codeDirectory = codeDirectory;
    this.#paths = { codeDirectory: codeDirectory ?? '/app', agentPath };
    const receive = (type: number, flags: number, id: number, payload: Buffer) =>
      this.#receive(type, flags, id, payload);
    this.#channel = new Channel(stream, receive, () => {
      if (!this.#isExiting) this.#leave(exits.lostHost);
    });
    this.#tunnels = new Tunnels(this.#channel);
    this.#logs = new LogCapture(this.#channel, { getStore: () => undefined });
  }

  start(): void {
    const hello = {
      protocol: 1,
      runtime: this.#backend.runtime,
      runtimeVersion: process.version,
      pid: process.pid,
      holdsCalls: true,
    };
    this.#send(frameTypes.hello, 0, hello);
    this.#channel.flushNow();
    startUsage();
    process.on('uncaughtException', (error) => this.#crash(error));
  }

  #send(type: number, id: number, value: object): void {
    this.#channel.writer.text(type, 0, id, JSON.stringify(value));
    this.#channel.flush();
  }

  #receive(type: number, flags: number, id: number, payload: Buffer): void {
    if (!this.#early.isOpen && this.#early.keeps(type, () => this.#receive(type, flags, id, payload))) return;
    switch (type) {
      case frameTypes.invoke:
        this.#invoke(flags, id, payload);
        break;
      case frameTypes.body:
        this.#calls.get(id)?.body.push(payload, (flags & flagEnd) !== 0);
        break;
      case frameTypes.end:
        this.#calls.get(id)?.body.push(noBytes, true);
        break;
      case frameTypes.window:
        this.#calls.get(id)?.addCredit(payload.readUInt32BE(0));
        break;
      case frameTypes.cancel:
        this.#cancel(id, (readJson(payload) as { reason: CancelReason }).reason);
        break;
      default:
        this.#receiveOwn(type, flags, id, payload);
    }
  }

  #receiveOwn(type: number, flags: number, id: number, payload: Buffer): void {
    switch (type) {
      case frameTypes.init:
        void this.#init(readJson(payload) as InitMessage);
        break;
      case frameTypes.ping:
        this.#channel.writer.raw(frameTypes.pong, 0, 0, payload);
        break;
      case frameTypes.drain:
        this.#isDraining = true;
        this.#exitIfDrained();
        break;
      case frameTypes.afterRestore:
        clockOffset.ms = (readJson(payload) as { nowMs: number }).nowMs - Date.now();
        this.#channel.writer.raw(type, 0, 0, noBytes);
        break;
      case frameTypes.beforeSnapshot:
        this.#tunnels.closeAll();
        this.#channel.writer.raw(type, 0, 0, noBytes);
        break;
      default:
        this.#tunnels.receive(type, flags, id, payload);
    }
    this.#channel.flush();
  }

  async #init(message: InitMessage): Promise<void> {
    const own = this.#codeDirectory === undefined ? message : { ...message, codeDirectory: this.#codeDirectory };
    const most = message.maxTunnels ?? 0;
    const init = most > 0 ? { ...own, env: { ...own.env, ...(await this.#tunnels.listen(most)) } } : own;
    this.#startedAt = monotonic();
    this.#logs.limit({ lineBytes: init.logLineBytes, limitBytes: init.logLimitBytes });
    this.#env = {
      channel: this.#channel,
      logs: this.#logs,
      init,
      paths: this.#paths,
      ended: (call) => this.#ended(call),
    };
    this.#backend.start(this.#env, {
      ready: () => this.#ready(),
      failed: (error) => this.#crash(error),
      ended: (code, signal, error) => this.#programEnded(code, signal, error),
      print: (owner, stream, text) => this.#logs.write(owner, stream === 'stderr' ? 'error' : 'info', text),
    });
    alsoCount(() => this.#backend.usage());
  }

  #ready(): void {
    if (this.#isReady || this.#isExiting) return;
    this.#isReady = true;
    const initMs = monotonic() - this.#startedAt;
    this.#send(frameTypes.ready, 0, { style: 'event', handlesBatch: false, importMs: 0, initMs });
    this.#channel.flushNow();
    this.#early.open();
  }

  /** Calls of a batch are handed out one by one. */
  #invoke(flags: number, id: number, payload: Buffer): void {
    const bodyAt = 4 + payload.readUInt32BE(0);
    const meta = JSON.parse(payload.toString('utf8', 4, bodyAt)) as InvokeMeta;
    if ((flags & flagBatch) === 0) {
      this.#enqueue(id, meta, payload.subarray(bodyAt), (flags & flagEnd) !== 0);
      return;
    }
    let offset = bodyAt;
    for (const [i, item] of (meta as unknown as { items: readonly InvokeMeta[] }).items.entries()) {
      const end = offset + (item.bodyBytes ?? 0);
      this.#enqueue(id + i, item, payload.subarray(offset, end), true);
      offset = end;
    }
  }

  #enqueue(id: number, meta: InvokeMeta, first: Buffer, isComplete: boolean): void {
    if (this.#env === undefined) return;
    const call = new Call(this.#env, id, meta, first, isComplete);
    this.#calls.add(call);
    // Not at once: what was read with it may say that nobody wants it.
    void Promise.resolve().then(() => (call.isOver ? undefined : this.#backend.offer(call)));
  }

  #cancel(id: number, reason: CancelReason): void {
    const call = this.#calls.get(id);
    if (call === undefined) return;
    call.cancel(reason);
    this.#backend.cancelled(call, reason);
  }

  #ended(call: Call): void {
    this.#calls.delete(call.id);
    this.#backend.forget(call);
    if (this.#isDraining) this.#exitIfDrained();
  }

  #programEnded(code: number | null, signal: NodeJS.Signals | null, error: Error): void {
    if (this.#isExiting) return;
    const isIdle = this.#calls.size === 0;
    if (!this.#isReady || isIdle) this.#crash(error);
    else this.#exit(() => this.#leave(code ?? exits.crashed, signal));
  }

  #exitIfDrained(): void {
    if (this.#calls.size === 0) this.#exit(() => this.#leave(exits.drained));
  }

  #crash(error: unknown): void {
    if (this.#isExiting) return;
    this.#send(frameTypes.error, 0, { ...describeError(error, this.#paths), fatal: true });
    this.#exit(() => this.#leave(exits.crashed));
  }

  /** Sends what is left; the program gets a moment. */
  #exit(done: () => void): void {
    if (this.#isExiting) return;
    this.#isExiting = true;
    void this.#backend.stop().then(() => this.#channel.finish(done));
  }

  #leave(code: number, signal?: NodeJS.Signals | null): void {
    this.#backend.kill();
    if (signal !== undefined && signal !== null) process.kill(process.pid, signal);
    process.exit(code);
  }
}

function readJson(payload: Buffer): unknown {
  return JSON.parse(payload.toString('utf8'));
}
