import { PlatformError } from '../../../shared/errors.ts';
import type { InvocationOutcome } from '../../../shared/invocation.ts';
import type { InstanceCall, InstanceResult } from '../../core/ports/instance-pool.ts';
import { SlotTable } from '../../util/slot-table.ts';
import type { Call, CallHost, CallPhase } from './call.ts';
import { CallReceiver } from './call-receiver.ts';
import { CallSender } from './call-sender.ts';
import type { AgentConnectionOptions, ClosedReason, InitOptions } from './connection-options.ts';
import { Deadlines } from './deadlines.ts';
import { FrameStream } from './frame-stream.ts';
import { frameFlags, frameTypes, maxPayloadBytes, maxTunnels, Violation } from './frames.ts';
import { LogMeter } from './log-meter.ts';
import { type Hello, type InitMessage, parseError, parseHello, parseLog, parseReady, type Ready } from './messages.ts';
import { TunnelTable } from './tunnel-table.ts';
import { initWait, Waiter } from './waiter.ts';

/** `connecting` until HELLO, `greeted` until INIT, `initialising` until READY; `draining` after DRAIN or a fatal error. */
export type ConnectionState = 'connecting' | 'greeted' | 'initialising' | 'ready' | 'draining' | 'closed';

const defaultTimeoutMs = 10_000;

/**
 * The host's end of the instance protocol over any byte stream (docs/protocol.md). Trusts nothing that it reads: whatever breaks
 * the protocol ends this connection alone. Order of use: `open`, `init`, then `invoke` as often as wanted, `close`.
 */
export class AgentConnection {
  readonly #options: AgentConnectionOptions;
  readonly #frames: FrameStream;
  readonly #calls = new SlotTable<Call>();
  readonly #deadlines: Deadlines;
  readonly #sender: CallSender;
  readonly #receiver: CallReceiver;
  readonly #logs: LogMeter;
  readonly #tunnels: TunnelTable;
  readonly #waiting: Waiter;
  #state: ConnectionState = 'connecting';
  #running = 0;
  #givenUp = 0;
  /** The call that ended last: between calls, what nobody caught is most likely what it left behind. */
  #lastEnded: InstanceCall['invocation']['id'] | undefined;
  #pings = 0;
  /** The agent keeps a call that comes before it is ready. */
  #holdsCalls = false;
  #hasFailed = false;

  constructor(options: AgentConnectionOptions) {
    this.#options = options;
    const { clock, stream, callChains, traceSampleRatio = 0 } = options;
    this.#waiting = new Waiter({ clock });
    this.#deadlines = new Deadlines({ clock, items: () => this.#calls.values() });
    const monotonic = () => clock.monotonic();
    this.#logs = new LogMeter({ monotonic });
    this.#frames = new FrameStream({
      stream,
      receive: (type, flags, id, payload) => this.#receive(type, flags, id, payload),
      onOver: (error) => this.#over(error),
      onDrain: () => this.#pump(),
    });
    const frames = this.#frames;
    const host: CallHost = {
      encoder: frames.encoder,
      monotonic,
      flush: () => frames.flush(),
      isWritable: () => frames.isWritable,
      moved: (call, from, to) => this.#moved(call, from, to),
      exiting: () => this.#exiting(),
    };
    this.#tunnels = new TunnelTable(host);
    this.#sender = new CallSender({
      host,
      clock,
      onward: { callChains, traceSampleRatio },
      started: (call) => this.#started(call),
    });
    this.#receiver = new CallReceiver({
      calls: this.#calls,
      lastId: () => this.#sender.lastId,
      log: (call, payload) => this.#log(call, payload),
    });
  }

  get state(): ConnectionState {
    return this.#state;
  }
  /** Calls whose caller still waits. */
  get inFlight(): number {
    return this.#running;
  }
  /** Calls that the agent has not ended: in flight, in the background, and given up. */
  get outstanding(): number {
    return this.#calls.size;
  }
  /** Calls that were given up (deadline, disconnect, bad response) and still run inside. */
  get stuck(): number {
    return this.#givenUp;
  }

  /** Calls whose caller waits (`running`), or that `stuck` counts. */
  callsIn(phase: 'running' | 'given-up'): readonly Call[] {
    return this.#calls.values().filter((call) => call.phase === phase);
  }

  /** Waits for HELLO. Rejects with `unavailable` (`agent_not_started`); the connection is closed then. */
  async open(options: { readonly signal?: AbortSignal; readonly timeoutMs?: number } = {}): Promise<Hello> {
    const { timeoutMs = defaultTimeoutMs, signal } = options;
    const failed = (why: string) =>
      new PlatformError('unavailable', 'agent_not_started', `the agent did not start: ${why}`);
    return this.#orClose(this.#waiting.wait<Hello>('hello', { timeoutMs, signal, failed, name: 'HELLO' }));
  }

  /** In place of `open` and `init`, for an agent that was restored from a snapshot; then comes `afterRestore`. `isLoaded` false: it has no version, and waits for `init`. */
  resume(limits: Pick<InitMessage, 'logLimitBytes' | 'logLineBytes'>, isLoaded = true): void {
    this.#expect('connecting');
    this.#logs.limit(limits);
    this.#state = isLoaded ? 'ready' : 'greeted';
  }

  /**
   * Loads a version. Rejects with `function_error`: `init_failed` with detail {type, message, stack}, `init_timeout` after
   * `message.initTimeoutMs`, `exited`, or `out_of_memory` if `explainExit` says so. The connection is closed then. With `onTunnel`
   * programs inside may connect to the agent's proxy, and each of these connections is handed over; they end with this connection.
   * With `ahead` a call may travel behind INIT; when `init` rejects, it has not run.
   */
  async init(message: InitMessage, options: InitOptions = {}): Promise<Ready> {
    this.#expect('greeted');
    this.#state = 'initialising';
    if (options.onTunnel !== undefined) this.#tunnels.accept(options.onTunnel);
    this.#logs.limit(message);
    const ready = this.#waiting.wait<Ready>('ready', initWait(message.initTimeoutMs, options.signal));
    const tunnels = options.onTunnel === undefined ? 0 : maxTunnels;
    this.#send(frameTypes.init, JSON.stringify({ ...message, maxTunnels: tunnels }));
    this.#frames.flushNow();
    if (this.#holdsCalls) options.ahead?.((call) => this.#sender.ahead(call));
    return this.#orClose(ready);
  }

  /** Runs one call. Never rejects; see `Instance.invoke`. `retryable` on a platform-fault says that nothing was sent. */
  invoke(call: InstanceCall): Promise<InstanceResult> {
    const refused = this.#refusal();
    return refused === undefined ? this.#sender.one(call) : Promise.resolve(this.#sender.refused(refused));
  }

  /** Runs calls together: in one frame as far as frames are large enough, and bodies whole. Results in order. */
  invokeBatch(calls: readonly InstanceCall[]): readonly Promise<InstanceResult>[] {
    const refused = this.#refusal();
    if (refused === undefined) return this.#sender.batch(calls);
    return calls.map(() => Promise.resolve(this.#sender.refused(refused)));
  }

  /** The round trip through the agent's event loop, in ms. Rejects with `timed_out`/`agent_not_answering`. */
  async ping(options: { readonly signal?: AbortSignal; readonly timeoutMs?: number } = {}): Promise<number> {
    this.#expect('greeted', 'initialising', 'ready', 'draining');
    const payload = Buffer.alloc(8);
    payload.writeUInt32BE(++this.#pings, 4);
    const startedAt = this.#options.clock.monotonic();
    const pong = this.#answer(`pong ${payload.toString('hex')}`, options);
    this.#frames.encoder.raw(frameTypes.ping, 0, 0, payload);
    this.#frames.flush();
    await pong;
    return this.#options.clock.monotonic() - startedAt;
  }

  /** Tells the agent to finish what runs and to exit; new calls are refused. `onClosed` says when it is done. */
  drain(): void {
    if (this.#state !== 'greeted' && this.#state !== 'ready') return;
    this.#state = 'draining';
    this.#send(frameTypes.drain, '');
  }

  /** Resolves when the agent is ready to be frozen. Its tunnels are closed. */
  async beforeSnapshot(options: { readonly signal?: AbortSignal; readonly timeoutMs?: number } = {}): Promise<void> {
    this.#expect('greeted', 'ready');
    const done = this.#answer('before-snapshot', options);
    this.#tunnels.closeAll();
    this.#send(frameTypes.beforeSnapshot, '');
    await done;
  }

  /** Tells a restored agent the time and gives it 64 fresh random bytes; resolves when it has taken them in. */
  async afterRestore(
    state: { readonly nowMs: number; readonly entropy: Buffer },
    options: { readonly signal?: AbortSignal; readonly timeoutMs?: number } = {},
  ): Promise<void> {
    this.#expect('greeted', 'ready');
    const done = this.#answer('after-restore', options);
    const entropy = state.entropy.toString('base64');
    this.#send(frameTypes.afterRestore, JSON.stringify({ nowMs: state.nowMs, entropy }));
    await done;
  }

  /** Ends the connection now. Calls that run get `outcome`, by default platform-fault `sandbox-lost`. Idempotent. */
  close(reason: string, outcome?: InvocationOutcome): void {
    if (this.#state === 'closed') return;
    this.#shut({ cause: 'closed', message: reason }, outcome ?? lost(reason, false));
    this.#frames.close(undefined);
  }

  #answer(key: string, options: { readonly signal?: AbortSignal; readonly timeoutMs?: number }): Promise<unknown> {
    const { timeoutMs = defaultTimeoutMs, signal } = options;
    const failed = (why: string) =>
      new PlatformError('unavailable', 'sandbox_lost', `the agent did not answer: ${why}`);
    const late = () => new PlatformError('timed_out', 'agent_not_answering', `no answer within ${timeoutMs} ms`);
    return this.#waiting.wait(key, { timeoutMs, signal, failed, late, name: key });
  }

  async #orClose<T>(promise: Promise<T>): Promise<T> {
    try {
      return await promise;
    } catch (error) {
      this.close(error instanceof Error ? error.message : 'failed');
      throw error;
    }
  }

  #refusal(): InvocationOutcome | undefined {
    if (this.#isUnread()) this.#frames.close(new Violation('the agent answers calls that it has not read'));
    if (this.#state === 'ready') return undefined;
    return lost(`the instance takes no calls: its connection is ${this.#state}`, true);
  }

  /** Every call that is not over may have a frame on its way, and tunnels what a full channel lets them write. More would fill our memory. */
  #isUnread(): boolean {
    const frames = this.#calls.size + (this.#tunnels.isOpen ? 5 : 2);
    return this.#frames.unreadBytes > frames * maxPayloadBytes;
  }

  #expect(...states: readonly ConnectionState[]): void {
    if (states.includes(this.#state)) return;
    throw new PlatformError('unavailable', 'sandbox_lost', `the connection to the agent is ${this.#state}`);
  }

  #send(type: number, text: string): void {
    this.#frames.encoder.text(type, 0, 0, text);
    this.#frames.flush();
  }

  #receive(type: number, flags: number, id: number, payload: Buffer): void {
    if ((flags & frameFlags.batch) !== 0) throw new Violation('an agent sent BATCH');
    if (this.#state === 'connecting') this.#greet(type, id, payload);
    else if (id === 0) this.#receiveOwn(type, payload);
    else if (type >= frameTypes.tunnelOpen) this.#receiveTunnel(type, flags, id, payload);
    else if (this.#state === 'initialising') throw new Violation('a frame of a call before READY');
    else this.#receiver.receive(type, flags, id, payload);
  }

  #receiveTunnel(type: number, flags: number, id: number, payload: Buffer): void {
    if (this.#isUnread()) throw new Violation('the agent opens tunnels and does not read');
    this.#tunnels.receive(type, flags, id, payload);
  }

  #greet(type: number, id: number, payload: Buffer): void {
    if (type !== frameTypes.hello || id !== 0) throw new Violation('the first frame is not HELLO');
    const hello = parseHello(payload);
    this.#state = 'greeted';
    this.#holdsCalls = hello.holdsCalls === true;
    this.#waiting.resolve('hello', hello);
  }

  /** Frames of the connection itself. */
  #receiveOwn(type: number, payload: Buffer): void {
    if (type === frameTypes.log) this.#log(undefined, payload);
    else if (type === frameTypes.ready && this.#state === 'initialising') {
      const ready = parseReady(payload);
      this.#state = 'ready';
      for (const call of this.#calls.values()) call.begin();
      this.#waiting.resolve('ready', ready);
    } else if (type === frameTypes.error) this.#failed(payload);
    else if (type === frameTypes.pong) this.#answered(`pong ${payload.toString('hex', 0, 8)}`, payload.length === 8);
    else if (type === frameTypes.beforeSnapshot) this.#answered('before-snapshot', payload.length === 0);
    else if (type === frameTypes.afterRestore) this.#answered('after-restore', payload.length === 0);
    else throw new Violation(`frame type ${type} without a call while ${this.#state}`);
  }

  /** ERROR 0: loading failed, or something outside any call that the agent does not survive. */
  #failed(payload: Buffer): void {
    const { type, message, stack } = parseError(payload);
    if (this.#state === 'greeted') throw new Violation('ERROR before INIT');
    if (this.#hasFailed) throw new Violation('a second ERROR outside any call');
    this.#hasFailed = true;
    // A call that fails because of this says the message alone; the log names the lines of the user's code.
    this.#options.onLog?.({
      at: this.#options.clock.now(),
      invocationId: this.#calls.size === 0 ? this.#lastEnded : undefined,
      level: 'error',
      stream: 'stderr',
      text: stack === '' ? `${type}: ${message}` : stack,
      truncated: false,
    });
    if (this.#state === 'initialising') {
      const text = `the function failed to start: ${type}: ${message}`;
      const detail = { type, message, stack };
      this.#waiting.reject('ready', new PlatformError('function_error', 'init_failed', text, { detail }));
    } else this.#exiting();
  }

  #answered(key: string, isWellFormed: boolean): void {
    if (!isWellFormed || !this.#waiting.has(key)) throw new Violation(`an answer that was not asked for: ${key}`);
    this.#waiting.resolve(key, undefined);
  }

  #log(call: Call | undefined, payload: Buffer): void {
    const { level, stream, truncated, text, textBytes } = parseLog(payload, this.#logs.lineBytes);
    const verdict = this.#logs.admit(call, textBytes);
    if (verdict === 'dropped') return;
    this.#options.onLog?.({
      at: this.#options.clock.now(),
      invocationId: call?.call.invocation.id,
      level,
      stream,
      text,
      truncated: truncated || verdict === 'last',
    });
  }

  #started(call: Call): void {
    this.#calls.add(call);
    this.#running++;
    this.#deadlines.add(call.deadlineAt);
  }

  #moved(call: Call, from: CallPhase, to: CallPhase): void {
    if (from === 'running') this.#running--;
    if (from === 'given-up') this.#givenUp--;
    if (to === 'given-up') this.#givenUp++;
    if (to === 'over') this.#calls.delete(call.id);
    if (to === 'over') this.#lastEnded = call.call.invocation.id;
    if (to === 'given-up' || to === 'background') this.#options.onLingering?.(to);
    else if (from !== 'running') this.#options.onSettled?.();
  }

  #exiting(): void {
    if (this.#state !== 'ready') return;
    this.#state = 'draining';
    this.#options.onExiting?.();
  }

  #pump(): void {
    for (const call of this.#calls.values()) call.pump();
    this.#tunnels.pump();
  }

  /** The stream is over, by itself or because something was thrown while a chunk was read. */
  #over(error: unknown): void {
    if (this.#state === 'closed') return;
    if (error instanceof Violation) {
      const outcome = { kind: 'platform-fault', fault: 'protocol', message: error.message, retryable: false } as const;
      this.#options.onViolation?.(error.message);
      this.#shut({ cause: 'violation', message: error.message }, outcome);
    } else if (error !== undefined) {
      const message = error instanceof Error ? error.message : 'the stream to the agent failed';
      this.#shut({ cause: 'failed', message }, undefined);
    } else this.#shut({ cause: 'ended', message: 'the agent ended' }, undefined);
  }

  /** Without an outcome, the owner is asked why the agent ended before the calls are settled. */
  #shut(reason: ClosedReason, outcome: InvocationOutcome | undefined): void {
    this.#state = 'closed';
    for (const call of this.#calls.values()) call.stopSending();
    this.#tunnels.close();
    if (outcome === undefined) this.#explain(reason.message);
    else this.#settleAll(outcome, reason.message);
    this.#options.onClosed?.(reason);
  }

  #explain(message: string): void {
    const exited: InvocationOutcome = { kind: 'function-fault', fault: 'exited', message };
    const { explainExit } = this.#options;
    if (explainExit === undefined || (this.#calls.size === 0 && !this.#waiting.isWaiting)) {
      this.#settleAll(exited, message);
      return;
    }
    const settle = (found: InvocationOutcome | undefined) => this.#settleAll(found ?? exited, message);
    explainExit().then(settle, () => settle(undefined));
  }

  #settleAll(outcome: InvocationOutcome, message: string): void {
    if (outcome.kind === 'function-fault' && outcome.fault === 'out-of-memory')
      this.#waiting.reject('ready', new PlatformError('function_error', 'out_of_memory', outcome.message));
    this.#waiting.fail('message' in outcome ? outcome.message : message);
    for (const call of this.#calls.values()) call.abandon(outcome);
    this.#deadlines.close();
  }
}

function lost(message: string, retryable: boolean): InvocationOutcome {
  return { kind: 'platform-fault', fault: 'sandbox-lost', message, retryable };
}
