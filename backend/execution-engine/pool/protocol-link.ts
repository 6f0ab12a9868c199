import { randomBytes } from 'node:crypto';
import type { Duplex } from 'node:stream';
import type { InvocationId } from '../../../shared/ids.ts';
import type { InvocationOutcome } from '../../../shared/invocation.ts';
import { limits } from '../../../shared/limits.ts';
import { projectOf, shortNameOf } from '../../../shared/names.ts';
import type { CallChains } from '../../core/ports/call-chains.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { EgressBytes, EgressClient, EgressGate } from '../../core/ports/egress-gate.ts';
import type { InstanceCall, InstanceResult, RunningCall } from '../../core/ports/instance-pool.ts';
import { codeDirectory } from '../../core/ports/isolation-driver.ts';
import type { MetricsSink } from '../../core/ports/metrics-sink.ts';
import type { OpenedSecrets } from '../../core/ports/secrets.ts';
import type { VersionSpec } from '../../core/version.ts';
import { AgentConnection } from '../protocol/agent-connection.ts';
import type { Call } from '../protocol/call.ts';
import type { ClosedReason, OfferAhead } from '../protocol/connection-options.ts';
import type { AgentLink, AgentLinkEvents, OpenAgentLink } from './agent-link.ts';

export interface ProtocolLinkOptions {
  readonly clock: Clock;
  /** Left out: functions get nothing to hand on. */
  readonly callChains?: Pick<CallChains, 'tokenOf'>;
  /** Share of traces that begin here and are exported; 0 when left out. */
  readonly traceSampleRatio?: number;
  /** After a deadline, how long the handler may take to notice its AbortSignal. */
  readonly cancelGraceMs: number;
  /** From the channel being there to HELLO. */
  readonly helloTimeoutMs: number;
  /** The way out for versions with an allow-list. */
  readonly egress: EgressGate;
  /** Takes what those move. */
  readonly metrics: Pick<MetricsSink, 'record'>;
}

const logLimits = { logLimitBytes: limits.maxLogBytesPerInvocation, logLineBytes: limits.maxLogLineBytes };
const restoreEntropyBytes = 64;
/** An agent that was just booted ends its warm-up first, which takes an emulated guest seconds. */
const silenceTimeoutMs = 30_000;

/** Opens links that speak the instance protocol (docs/protocol.md). */
export function protocolLinks(options: ProtocolLinkOptions): OpenAgentLink {
  return async (channel, events, signal, restored) => {
    const link = new ProtocolLink(channel, events, options);
    await (restored === undefined ? link.open(signal) : link.resume(signal, restored === 'version'));
    return link;
  };
}

class ProtocolLink implements AgentLink {
  readonly #connection: AgentConnection;
  readonly #events: AgentLinkEvents;
  readonly #options: ProtocolLinkOptions;
  readonly #exit = Promise.withResolvers<InvocationOutcome>();
  #givenUp = 0;

  constructor(stream: Duplex, events: AgentLinkEvents, options: ProtocolLinkOptions) {
    this.#events = events;
    this.#options = options;
    this.#connection = new AgentConnection({
      stream,
      clock: options.clock,
      ...(options.callChains === undefined ? {} : { callChains: options.callChains }),
      traceSampleRatio: options.traceSampleRatio ?? 0,
      onLog: (line) =>
        events.log({
          invocationId: line.invocationId,
          level: line.level,
          stream: line.stream,
          text: line.text,
          isTruncated: line.truncated,
        }),
      onClosed: (reason) => this.#onClosed(reason),
      onExiting: () => events.closed({ kind: 'exiting', message: 'the process is ending' }),
      onLingering: (why) => {
        if (why === 'given-up') this.#onGivenUp();
      },
      onSettled: () => events.freed(),
      explainExit: () => this.#exit.promise,
    });
  }

  get abandoned(): number {
    return this.#connection.stuck;
  }

  get background(): number {
    const { outstanding, inFlight, stuck } = this.#connection;
    return outstanding - inFlight - stuck;
  }

  get outOfTime(): number {
    if (this.#connection.stuck === 0) return 0;
    return this.#connection.callsIn('given-up').filter((call) => this.#timeLeft(call) === 0).length;
  }

  get soleInvocation(): InvocationId | undefined {
    return this.#connection.inFlight === 1 ? this.#connection.callsIn('running')[0]?.call.invocation.id : undefined;
  }

  running(): readonly Omit<RunningCall, 'instanceId'>[] {
    if (this.#connection.inFlight === 0) return [];
    return this.#connection.callsIn('running').map((call) => ({
      invocation: call.call.invocation,
      startedMs: call.startedMs,
      cancel: (reason) => call.cancel(reason),
      interrupt: () => call.interrupt(),
    }));
  }

  async open(signal: AbortSignal): Promise<void> {
    await this.#connection.open({ signal, timeoutMs: this.#options.helloTimeoutMs });
  }

  async resume(signal: AbortSignal, isLoaded: boolean): Promise<void> {
    this.#connection.resume(logLimits, isLoaded);
    await this.afterRestore(signal);
  }

  async beforeSnapshot(signal: AbortSignal): Promise<void> {
    await this.#connection.beforeSnapshot({ signal, timeoutMs: silenceTimeoutMs });
  }

  async afterRestore(signal: AbortSignal): Promise<void> {
    const state = { nowMs: this.#options.clock.now(), entropy: randomBytes(restoreEntropyBytes) };
    await this.#connection.afterRestore(state, { signal });
  }

  async init(version: VersionSpec, secrets: OpenedSecrets, signal: AbortSignal, ahead?: OfferAhead): Promise<void> {
    const { config } = version;
    const message = {
      functionName: shortNameOf(version.functionName),
      functionVersion: version.version,
      handler: config.handler,
      codeDirectory,
      env: { ...config.env, ...secrets.env },
      memoryLimitMb: config.memoryMb,
      concurrency: config.concurrency,
      initTimeoutMs: config.initTimeoutMs,
      maxResponseBytes: config.maxResponseBytes,
      ...logLimits,
    };
    const onTunnel = this.#wayOut(version, secrets.redact);
    await this.#connection.init(message, {
      signal,
      ...(onTunnel === undefined ? {} : { onTunnel }),
      ...(ahead === undefined ? {} : { ahead }),
    });
  }

  #wayOut(version: VersionSpec, redact: OpenedSecrets['redact']) {
    const { functionName, config } = version;
    const { clock, egress, metrics } = this.#options;
    if (typeof config.egress === 'string') return undefined;
    const about = { invocationId: undefined, level: 'warn', stream: 'platform', isTruncated: false } as const;
    const note = (text: string) => this.#events.log({ ...about, text });
    // A sandbox with an allow-list has no network that its driver could count.
    const moved = ({ sentBytes, receivedBytes }: EgressBytes) => {
      const io = {
        networkSentBytes: sentBytes,
        networkReceivedBytes: receivedBytes,
        diskReadBytes: 0,
        diskWrittenBytes: 0,
      };
      metrics.record({ kind: 'instance-io', at: clock.now(), version, io });
    };
    // A function can ask for any name, one that is made of a secret too; its log lines are looked through where all of them are.
    const refused: EgressClient['refused'] = (host, reason) =>
      metrics.record({ kind: 'egress-refused', at: clock.now(), version, host: redact(host), reason });
    return egress.admit({ rules: config.egress, project: projectOf(functionName), note, moved, refused });
  }

  invoke(call: InstanceCall): Promise<InstanceResult> {
    return this.#connection.invoke(call);
  }

  invokeBatch(calls: readonly InstanceCall[]): readonly Promise<InstanceResult>[] {
    return this.#connection.invokeBatch(calls);
  }

  fail(outcome: InvocationOutcome): void {
    this.#exit.resolve(outcome);
    this.#connection.close('message' in outcome ? outcome.message : 'closed', outcome);
  }

  #onClosed(reason: ClosedReason): void {
    if (reason.cause === 'closed') return;
    const isViolation = reason.cause === 'violation';
    this.#events.closed({
      kind: isViolation ? 'violation' : 'ended',
      message: isViolation ? reason.message : 'the process closed its channel to the platform',
    });
  }

  /**
   * A call that ignores its deadline is overdue after the grace; one whose caller left may go on until its own deadline, because
   * most handlers do not watch their AbortSignal, and a client that closes a page should not cost an instance.
   */
  #onGivenUp(): void {
    const order = ++this.#givenUp;
    const timeLeft = this.#connection.callsIn('given-up').map((call) => this.#timeLeft(call));
    const waitMs = Math.max(0, ...timeLeft) + this.#options.cancelGraceMs;
    this.#options.clock.after(waitMs, () => {
      // Fewer have ended than were given up by then: at least one of them is still inside.
      const ended = this.#givenUp - this.#connection.stuck;
      if (this.#connection.state !== 'closed' && ended < order) this.#events.overdue();
    });
  }

  /** Until the grace of a call that was given up begins, in ms: its caller left, and it has until its deadline. 0 for any other. */
  #timeLeft({ call }: Call): number {
    return call.signal.aborted ? Math.max(0, call.invocation.deadlineAt - this.#options.clock.now()) : 0;
  }
}
