import { AsyncLocalStorage } from 'node:async_hooks';
import { SlotTable } from '../../../../util/slot-table.ts';
import { Call, type CallEnvironment } from './call.ts';
import { Channel } from './channel.ts';
import type { ChannelStream } from './channel-stream.ts';
import { collectYoung } from './collect-young.ts';
import { takeCompileCache } from './compile-cache.ts';
import { compiledAtOnce, holdCompilers, releaseCompilers } from './compilers.ts';
import { clockOffset } from './context.ts';
import { EarlyCalls } from './early-calls.ts';
import { describeError, type StackPaths } from './errors.ts';
import { runBatch, runCall } from './invoke.ts';
import { type LoadedFunction, loadFunction } from './loader.ts';
import { LogCapture, type LogOwner } from './logs.ts';
import type { CancelReason, InitMessage, InvokeMeta } from './messages.ts';
import {
  bytesFrom,
  cancelTimer,
  dateNow,
  exitProcess,
  monotonic,
  parseJson,
  startInterval,
  stringifyJson,
} from './originals.ts';
import { rememberEmptyStores, reseed, touchGenerators } from './reseed.ts';
import { Tunnels, turnToProxy } from './tunnels.ts';
import { startUsage } from './usage.ts';
import { enableSourceMaps, type WarmUp, warmUpFetch, warmUpWhileIdle } from './warm-up.ts';
import { FrameReader, FrameWriter, flagBatch, flagEnd, frameTypes, noBytes } from './wire.ts';

/** Exit codes that the agent itself chooses. */
const exits = { drained: 0, crashed: 1, lostHost: 69 } as const;

/** Until V8 has compiled what is run through, and expects of the rest what it will see again. */
const restoreRehearsals = 40;
const entropyBytes = 64;
/** How often a copy that has not been told that it goes on goes through that ahead: one that nothing waits for is told sooner. */
const aheadMs = 500;

/** Who is running, for logs and for errors that nobody caught. */
class Scope implements LogOwner {
  readonly calls: readonly Call[];
  constructor(calls: readonly Call[]) {
    this.calls = calls;
  }
  get #current(): Call {
    return this.calls.find((call) => !call.isOver) ?? (this.calls[0] as Call);
  }
  get logId(): number {
    return this.#current.logId;
  }
  get log(): LogOwner['log'] {
    return this.#current.log;
  }
}

/** One connection, one function, any number of calls. */
export class Agent {
  readonly #channel: Channel;
  readonly #scopes = new AsyncLocalStorage<Scope>();
  readonly #logs: LogCapture;
  readonly #calls = new SlotTable<Call>();
  readonly #tunnels: Tunnels;
  readonly #codeDirectory: string | undefined;
  readonly #paths: { codeDirectory: string; readonly agentPath: string };
  #env: CallEnvironment | undefined;
  #loaded: LoadedFunction | undefined;
  #warmUp: WarmUp | undefined;
  #ahead: NodeJS.Timeout | undefined;
  readonly #early = new EarlyCalls();
  #isDraining = false;
  #isExiting = false;

  readonly #endProcess: (code: number) => void;

  /** `codeDirectory` overrides the one in INIT. */
  constructor(
    stream: ChannelStream,
    agentPath: string,
    codeDirectory: string | undefined,
    endProcess: (code: number) => void = exitProcess,
  ) {
    this.#endProcess = endProcess;
    this.#codeDirectory = codeDirectory;
    this.#paths = { codeDirectory: '/app', agentPath };
    const receive = (type: number, flags: number, id: number, payload: Buffer) =>
      this.#receive(type, flags, id, payload);
    this.#channel = new Channel(stream, receive, () => {
      if (!this.#isExiting) endProcess(exits.lostHost);
    });
    this.#tunnels = new Tunnels(this.#channel);
    this.#logs = new LogCapture(this.#channel, this.#scopes);
  }

  /** `waits`: INIT is not on its way, so there is time to get ready for it. */
  start(waits: boolean): void {
    const hello = {
      protocol: 1,
      runtime: 'nodejs',
      runtimeVersion: process.version,
      pid: process.pid,
      holdsCalls: true,
    };
    this.#send(frameTypes.hello, 0, hello);
    this.#channel.flushNow();
    this.#logs.install();
    startUsage();
    if (waits) this.#warmUpWhileIdle(false);
    process.on('uncaughtException', (error) => this.#uncaught(error));
    process.on('exit', () => {
      for (const call of this.#calls.values()) this.#logs.flushPartial(call);
      this.#logs.flushPartial(undefined);
      this.#channel.flushNow();
    });
  }

  #warmUpWhileIdle(isCopy: boolean): WarmUp {
    const { agentPath } = this.#paths;
    this.#warmUp = warmUpWhileIdle((other) => new Agent(other, agentPath, undefined, () => undefined), isCopy);
    return this.#warmUp;
  }

  #send(type: number, id: number, value: object): void {
    this.#channel.writer.text(type, 0, id, stringifyJson(value) ?? '{}');
    this.#channel.flush();
  }

  #receive(type: number, flags: number, id: number, payload: Buffer): void {
    if (!this.#early.isOpen && this.#early.keeps(type, () => this.#receive(type, flags, id, payload))) return;
    switch (type) {
      case frameTypes.invoke:
        this.#invoke(flags, id, payload);
        return;
      case frameTypes.body:
        this.#calls.get(id)?.body.push(payload, (flags & flagEnd) !== 0);
        return;
      case frameTypes.end:
        this.#calls.get(id)?.body.push(noBytes, true);
        return;
      case frameTypes.window:
        this.#calls.get(id)?.addCredit(payload.readUInt32BE(0));
        return;
      case frameTypes.cancel:
        this.#cancel(id, payload);
        return;
      case frameTypes.init:
        void this.#init(readJson(payload) as InitMessage);
        return;
      default:
        this.#receiveRare(type, flags, id, payload);
    }
  }

  #receiveRare(type: number, flags: number, id: number, payload: Buffer): void {
    switch (type) {
      case frameTypes.ping:
        this.#channel.writer.raw(frameTypes.pong, 0, 0, payload);
        break;
      case frameTypes.drain:
        this.#isDraining = true;
        this.#exitIfDrained();
        break;
      case frameTypes.beforeSnapshot:
        void this.#fallSilent();
        break;
      case frameTypes.afterRestore:
        cancelTimer(this.#ahead);
        startAnew(payload);
        this.#channel.writer.raw(type, 0, 0, noBytes);
        this.#channel.release();
        if (this.#env === undefined) this.#warmUpWhileIdle(true);
        break;
      default:
        this.#tunnels.receive(type, flags, id, payload);
    }
    this.#channel.flush();
  }

  /** Before a snapshot. An agent without a version has what it waits for warm in all copies. */
  async #fallSilent(): Promise<void> {
    await this.#warmUp?.over;
    this.#tunnels.closeAll();
    compiledAtOnce(() => this.#rehearseRestore(restoreRehearsals));
    touchGenerators();
    collectYoung();
    holdCompilers();
    this.#channel.writer.raw(frameTypes.beforeSnapshot, 0, 0, noBytes);
    this.#channel.hold();
    if (this.#env === undefined) this.#ahead = startInterval(() => this.#goThroughAhead(), aheadMs).unref();
    rememberEmptyStores();
  }

  /** In a copy that is started before it is needed: what has run there once has been translated by the emulator of its processor. Its random numbers are its own by then. */
  #goThroughAhead(): void {
    this.#rehearseRestore(1);
    this.#channel.hold();
    rememberEmptyStores();
  }

  /**
   * What every copy does first. V8 compiles it here, once: in an emulated copy its compiler alone, which QEMU has to translate each time, takes as long as
   * everything else up to the first answer.
   */
  #rehearseRestore(times: number): void {
    const { randomBytes } = process.getBuiltinModule('node:crypto');
    const writer = new FrameWriter();
    const reader = new FrameReader((_type, _flags, _id, payload) => startAnew(payload));
    for (let i = 0; i < times; i++) {
      const entropy = randomBytes(entropyBytes).toString('base64');
      writer.text(frameTypes.afterRestore, 0, 0, stringifyJson({ nowMs: dateNow(), entropy }) ?? '');
      for (const bytes of writer.take()) reader.push(bytes);
      writer.recycle();
      Math.random();
      if (this.#env === undefined) void this.#warmUpWhileIdle(true).stop();
      this.#channel.hold();
      this.#channel.release();
    }
  }

  async #init(message: InitMessage): Promise<void> {
    const init = this.#codeDirectory === undefined ? message : { ...message, codeDirectory: this.#codeDirectory };
    const startedAt = monotonic();
    const rehearsing = this.#warmUp?.stop();
    if (rehearsing !== undefined) await rehearsing;
    try {
      this.#paths.codeDirectory = init.codeDirectory;
      this.#logs.limit({ lineBytes: init.logLineBytes, limitBytes: init.logLimitBytes });
      setEnvironment(init);
      if ((init.maxTunnels ?? 0) > 0) await this.#openProxy(init.maxTunnels ?? 0);
      enableSourceMaps();
      const paths: StackPaths = this.#paths;
      const ended = (call: Call) => this.#ended(call);
      this.#env = { channel: this.#channel, logs: this.#logs, init, paths, ended };
      takeCompileCache(init.codeDirectory);
      const loaded = await loadFunction(init.codeDirectory, init.handler);
      const importedAt = monotonic();
      if (loaded.init !== undefined) {
        releaseCompilers();
        await loaded.init();
      }
      this.#loaded = loaded;
      const style = loaded.fetch === undefined ? 'event' : 'fetch';
      if (style === 'fetch') warmUpFetch();
      const handlesBatch = loaded.handleBatch !== undefined;
      const importMs = importedAt - startedAt;
      this.#send(frameTypes.ready, 0, { style, handlesBatch, importMs, initMs: monotonic() - importedAt });
      this.#channel.flushNow();
      this.#early.open();
    } catch (error) {
      this.#crash([], error);
    }
  }

  async #openProxy(most: number): Promise<void> {
    const variables = await this.#tunnels.listen(most);
    Object.assign(process.env, variables);
    turnToProxy(variables);
  }

  #invoke(flags: number, id: number, payload: Buffer): void {
    const env = this.#env;
    const loaded = this.#loaded;
    if (env === undefined || loaded === undefined) return;
    releaseCompilers();
    const bodyAt = 4 + payload.readUInt32BE(0);
    const meta = parseJson(payload.toString('utf8', 4, bodyAt));
    if ((flags & flagBatch) !== 0) {
      this.#invokeBatch(env, loaded, id, (meta as { items: readonly InvokeMeta[] }).items, payload, bodyAt);
      return;
    }
    const call = new Call(env, id, meta as InvokeMeta, payload.subarray(bodyAt), (flags & flagEnd) !== 0);
    this.#run(loaded, env.init, call);
  }

  #invokeBatch(
    env: CallEnvironment,
    loaded: LoadedFunction,
    id: number,
    items: readonly InvokeMeta[],
    payload: Buffer,
    bodyAt: number,
  ): void {
    let offset = bodyAt;
    const calls = items.map((item, i) => {
      const end = offset + (item.bodyBytes ?? 0);
      const call = new Call(env, id + i, item, payload.subarray(offset, end), true);
      call.sharedBy = items.length;
      offset = end;
      return call;
    });
    const { handleBatch } = loaded;
    if (handleBatch === undefined) {
      for (const call of calls) this.#run(loaded, env.init, call);
      return;
    }
    for (const call of calls) this.#calls.add(call);
    void this.#scopes.run(new Scope(calls), () => runBatch(handleBatch, env.init, calls));
  }

  #run(loaded: LoadedFunction, init: InitMessage, call: Call): void {
    this.#calls.add(call);
    void this.#scopes.run(new Scope([call]), runCall, loaded, init, call);
  }

  #cancel(id: number, payload: Buffer): void {
    const call = this.#calls.get(id);
    if (call === undefined) return;
    const { reason } = readJson(payload) as { reason: CancelReason };
    this.#scopes.run(new Scope([call]), () => call.cancel(reason));
  }

  #ended(call: Call): void {
    this.#calls.delete(call.id);
    if (this.#isDraining) this.#exitIfDrained();
  }

  #exitIfDrained(): void {
    if (this.#calls.size === 0) this.#exit(exits.drained);
  }

  /** Nobody caught it. A handler for such errors of the function's own comes first, as it does in plain Node. */
  #uncaught(error: unknown): void {
    if (process.listenerCount('uncaughtException') > 1) return;
    const scope = this.#scopes.getStore();
    const running = scope === undefined ? this.#calls.values() : scope.calls.filter((call) => !call.isOver);
    this.#crash(running, error);
  }

  /** Fails these calls, or says it without a call, and exits. */
  #crash(calls: readonly Call[], error: unknown): void {
    for (const call of calls) call.fail(error, true);
    if (calls.length === 0) this.#send(frameTypes.error, 0, { ...describeError(error, this.#paths), fatal: true });
    this.#exit(exits.crashed);
  }

  #exit(code: number): void {
    if (this.#isExiting) return;
    this.#isExiting = true;
    this.#channel.finish(() => this.#endProcess(code));
  }
}

function readJson(payload: Buffer): unknown {
  return parseJson(payload.toString('utf8'));
}

function setEnvironment(init: InitMessage): void {
  const { env } = process;
  Object.assign(env, init.env);
  env['AWS_LAMBDA_FUNCTION_NAME'] = init.functionName;
  env['AWS_LAMBDA_FUNCTION_VERSION'] = String(init.functionVersion);
  env['AWS_LAMBDA_FUNCTION_MEMORY_SIZE'] = String(init.memoryLimitMb);
  env['LAMBDA_TASK_ROOT'] = init.codeDirectory;
  env['_HANDLER'] = init.handler;
  process.execArgv = [];
  process.chdir(init.codeDirectory);
}

/** The clock of now and other random numbers: AFTER_RESTORE. */
function startAnew(payload: Buffer): void {
  const { nowMs, entropy } = readJson(payload) as { nowMs: number; entropy: string };
  clockOffset.ms = nowMs - dateNow();
  reseed(bytesFrom(entropy, 'base64'));
}
