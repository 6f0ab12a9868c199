import type { Duplex } from 'node:stream';
import type { InvocationId } from '../../../shared/ids.ts';
import type { InvocationOutcome } from '../../../shared/invocation.ts';
import type { InstanceCall, InstanceResult, RunningCall } from '../../core/ports/instance-pool.ts';
import type { OpenedSecrets } from '../../core/ports/secrets.ts';
import type { VersionSpec } from '../../core/version.ts';
import type { OfferAhead } from '../protocol/connection-options.ts';

/** Why a link is over or about to be: the stream ended, the agent announced its end, or it broke the protocol. */
export interface LinkClosure {
  readonly kind: 'ended' | 'exiting' | 'violation';
  readonly message: string;
}

export interface AgentLog {
  /** The call that it belongs to, or undefined: the instance as a whole. */
  readonly invocationId: InvocationId | undefined;
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly stream: 'stdout' | 'stderr' | 'platform';
  readonly text: string;
  readonly isTruncated: boolean;
}

/** What a link tells. Called synchronously from the channel's parser: must not throw. */
export interface AgentLinkEvents {
  log(entry: AgentLog): void;
  /** At least once. Calls in flight wait for `fail`, because the way the sandbox ended decides their outcome. */
  closed(closure: LinkClosure): void;
  /** A call whose caller has its result ended inside after all: `abandoned` or `background` went down. */
  freed(): void;
  /** A call is still inside although its deadline and the grace after it are over. */
  overdue(): void;
}

/** The host's end of the connection to one agent, as the pool sees it. */
export interface AgentLink {
  /** Calls that were given up (deadline, caller gone) and that still run inside. */
  readonly abandoned: number;
  /** Of these, calls that have no time left: the grace after which they are `overdue` runs. */
  readonly outOfTime: number;
  /** Calls that were answered and whose `waitUntil` work goes on inside. They hold no slot. */
  readonly background: number;
  /** Calls whose caller waits for them. */
  running(): readonly Omit<RunningCall, 'instanceId'>[];
  /** The invocation in flight if there is exactly one, for attributing raw output. */
  readonly soleInvocation: InvocationId | undefined;
  /**
   * Resolves at READY. Rejects with PlatformError `function_error` when user code did not load. `ahead` is asked for a call that travels behind
   * INIT, if this agent keeps one. Nothing that is recorded of its way out has a value of `secrets`.
   */
  init(version: VersionSpec, secrets: OpenedSecrets, signal: AbortSignal, ahead?: OfferAhead): Promise<void>;
  /** Resolves when the agent has fallen silent, until `afterRestore`. */
  beforeSnapshot(signal: AbortSignal): Promise<void>;
  /** Of a copy and of the original: the agent starts its random generators anew and goes on. */
  afterRestore(signal: AbortSignal): Promise<void>;
  invoke(call: InstanceCall): Promise<InstanceResult>;
  invokeBatch(calls: readonly InstanceCall[]): readonly Promise<InstanceResult>[];
  /** Ends every call in flight with this outcome, and refuses new ones the same way. Idempotent. */
  fail(outcome: InvocationOutcome): void;
}

/** Waits for HELLO on a fresh channel, or makes a restored agent go on, which has loaded its version or waits for INIT. Rejects with PlatformError. */
export type OpenAgentLink = (
  channel: Duplex,
  events: AgentLinkEvents,
  signal: AbortSignal,
  restored: 'version' | 'runtime' | undefined,
) => Promise<AgentLink>;
