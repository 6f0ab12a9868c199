import type { Duplex } from 'node:stream';
import type { InvocationId } from '../../../shared/ids.ts';
import type { InvocationOutcome } from '../../../shared/invocation.ts';
import type { CallChains } from '../../core/ports/call-chains.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { InstanceCall, InstanceResult } from '../../core/ports/instance-pool.ts';

/** One log entry of user code, attributed by the agent. */
export interface AgentLogLine {
  /** Clock.now() when it arrived. */
  readonly at: number;
  /** Undefined for what was logged outside any call. */
  readonly invocationId: InvocationId | undefined;
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly stream: 'stdout' | 'stderr';
  /** May contain line breaks. */
  readonly text: string;
  /** The entry was longer, or entries after it were dropped because the volume limit was reached. */
  readonly truncated: boolean;
}

/** `ended`: the agent closed the stream or died. `failed`: the stream broke. `closed`: we closed it. */
export interface ClosedReason {
  readonly cause: 'ended' | 'failed' | 'violation' | 'closed';
  readonly message: string;
}

export interface AgentConnectionOptions {
  /** The connection owns it from now on and destroys it when it is over. */
  readonly stream: Duplex;
  readonly clock: Clock;
  /** Makes what a call hands to the calls that it makes. */
  readonly callChains?: Pick<CallChains, 'tokenOf'>;
  /** Share of traces that begin here and are exported; 0 when left out. Functions are told whether theirs is. */
  readonly traceSampleRatio?: number;
  readonly onLog?: (line: AgentLogLine) => void;
  /** Once, whatever ended the connection, before the outcomes of the calls that were running are known. */
  readonly onClosed?: (reason: ClosedReason) => void;
  /** The agent broke the protocol; `onClosed` follows. */
  readonly onViolation?: (message: string) => void;
  /** The agent said that it exits now: no more calls should be sent. */
  readonly onExiting?: () => void;
  /**
   * A caller has its result, but the call is still running inside. `background`: response sent, `waitUntil` work goes on.
   * `given-up`: CANCEL was sent; destroy the instance if `stuck` is not 0 after the grace. A background call that
   * reaches its deadline is reported a second time, as given up.
   */
  readonly onLingering?: (why: 'background' | 'given-up') => void;
  /** A call that was lingering has ended inside. Look at `outstanding` and `stuck`. */
  readonly onSettled?: () => void;
  /**
   * Asked when the stream ended by itself while calls were running: what shall they get, for example out-of-memory?
   * Undefined means function-fault `exited`. Their deadlines stay in force meanwhile. Must not reject.
   */
  readonly explainExit?: () => Promise<InvocationOutcome | undefined>;
}

/** How a version is loaded. */
export interface InitOptions {
  readonly signal?: AbortSignal;
  /** Takes over a connection that a program inside has opened to the agent's proxy. Must not throw. Without it there is no proxy. */
  readonly onTunnel?: (stream: Duplex) => void;
  /** Asked for a call as soon as INIT is on its way, when the agent keeps one until it is ready. Must not throw. */
  readonly ahead?: OfferAhead;
}

/** A call that was sent behind INIT. It runs once the agent is ready, unless it was cancelled or out of time before. */
export interface AheadCall {
  readonly result: Promise<InstanceResult>;
  /** Nobody waits for it any more. */
  cancel(reason: string): void;
}

/** Takes the way to send one call behind INIT; undefined from it: this one cannot travel so, and nothing was sent. */
export type OfferAhead = (send: (call: InstanceCall) => AheadCall | undefined) => void;
