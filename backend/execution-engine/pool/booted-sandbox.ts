import { PlatformError } from '../../../shared/errors.ts';
import type { InvocationOutcome, StartKind } from '../../../shared/invocation.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { ExitReport, OutputLine, Sandbox } from '../../core/ports/sandbox.ts';
import type { AgentLink, AgentLog, LinkClosure, OpenAgentLink } from './agent-link.ts';
import { outcomeOfExit } from './exit-outcome.ts';
import type { Reservation } from './host-capacity.ts';

/** Who has the sandbox now: the pre-warmed stock, then an instance. */
export interface SandboxOwner {
  log(entry: AgentLog): void;
  output(line: OutputLine): void;
  freed(): void;
  overdue(): void;
  /** Once: the agent can no longer be reached, and the sandbox is being removed. No call may be given to it any more. */
  lost(): void;
}

/** Undefined: it was booted. */
export type Restored = 'version' | 'runtime' | undefined;

export interface BootedSandboxOptions {
  readonly sandbox: Sandbox;
  readonly reservation: Reservation;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly exitWaitMs: number;
  /** A copy from a snapshot, whose agent says no HELLO: with its version loaded, or with a runtime alone. */
  readonly restored: Restored;
}

/** A sandbox whose agent said HELLO. Turns every way in which it can end into one outcome for the calls inside. */
export class BootedSandbox {
  readonly sandbox: Sandbox;
  owner: SandboxOwner | undefined;
  /** What a version that is loaded into it starts from. */
  origin: StartKind = 'cold';
  /** Resolves when every process is gone. */
  readonly exited: Promise<ExitReport>;
  readonly #options: BootedSandboxOptions;
  #link: AgentLink | undefined;
  #isLost = false;
  #forcedOutcome: InvocationOutcome | undefined;
  #cancelExitWait: (() => void) | undefined;
  /** How its agent left, when the exit report did not follow in time. */
  #lastWord: string | undefined;

  private constructor(options: BootedSandboxOptions) {
    this.#options = options;
    this.sandbox = options.sandbox;
    this.exited = options.sandbox.exited.then((report) => this.#onExit(report));
  }

  /** Connects and waits for HELLO, or for a restored agent to go on. When it rejects (PlatformError), the sandbox is being destroyed. */
  static async open(
    options: BootedSandboxOptions,
    openLink: OpenAgentLink,
    signal: AbortSignal,
  ): Promise<BootedSandbox> {
    const booted = new BootedSandbox(options);
    booted.#readOutput();
    let report: ExitReport | undefined;
    const gone = new AbortController();
    const onAbort = () => gone.abort(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    // `exited` never rejects. Without this, a sandbox that dies early would be waited for until the time-out.
    void booted.exited.then((exit) => {
      report = exit;
      gone.abort();
    });
    try {
      const channel = await options.sandbox.connect(gone.signal);
      booted.#link = await openLink(channel, booted.#events(), gone.signal, options.restored);
      return booted;
    } catch (error) {
      booted.destroy('it did not start');
      if (signal.aborted) throw error;
      // The stream ends a moment before the exit report, which knows more.
      await options.clock.sleep(report === undefined ? options.exitWaitMs : 0, gone.signal);
      throw earlyEnd(report, options.reservation.memoryMb) ?? error;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  get link(): AgentLink {
    if (this.#link === undefined) throw new Error('the link is there once open has resolved');
    return this.#link;
  }

  get memoryMb(): number {
    return this.#options.reservation.memoryMb;
  }

  /** What it is counted with changes; false when there is no room for more. */
  resize(memoryMb: number): boolean {
    return this.#options.reservation.resize(memoryMb);
  }

  get restored(): Restored {
    return this.#options.restored;
  }

  get isLost(): boolean {
    return this.#isLost;
  }

  /** Idempotent; does not wait. Calls inside end with `outcome`, or with what the exit report says. */
  destroy(reason: string, outcome?: InvocationOutcome): void {
    this.#forcedOutcome ??= outcome;
    this.#lose();
    this.sandbox.destroy(reason).catch((error: unknown) => {
      this.#options.logger.error({ err: error, sandboxId: this.sandbox.id, reason }, 'could not remove a sandbox');
    });
  }

  #events() {
    return {
      log: (entry: AgentLog) => this.owner?.log(entry),
      freed: () => this.owner?.freed(),
      overdue: () => this.owner?.overdue(),
      closed: (closure: LinkClosure) => this.#onClosed(closure),
    };
  }

  #onClosed(closure: LinkClosure): void {
    if (closure.kind === 'violation') {
      const outcome: InvocationOutcome = {
        kind: 'platform-fault',
        fault: 'protocol',
        message: `the instance broke the protocol: ${closure.message}`,
        retryable: false,
      };
      this.#link?.fail(outcome);
      this.destroy(`protocol violation: ${closure.message}`, outcome);
      return;
    }
    this.#lose();
    this.#cancelExitWait?.();
    // The exit report, which knows more, normally follows at once; an agent that stays after its last word is helped along.
    this.#cancelExitWait = this.#options.clock.after(this.#options.exitWaitMs, () => {
      this.#lastWord ??= closure.message;
      this.destroy(closure.message);
    });
  }

  #onExit(report: ExitReport): ExitReport {
    this.#cancelExitWait?.();
    this.#lose();
    this.#options.reservation.release();
    const natural = outcomeOfExit(report, this.#options.reservation.memoryMb, this.#lastWord);
    // Running out of memory is the cause even when the removal was already under way.
    this.#link?.fail(report.outOfMemory ? natural : (this.#forcedOutcome ?? natural));
    return report;
  }

  #lose(): void {
    if (this.#isLost) return;
    this.#isLost = true;
    this.#options.reservation.markDying();
    this.owner?.lost();
  }

  #readOutput(): void {
    const read = async () => {
      for await (const line of this.sandbox.output()) this.owner?.output(line);
    };
    read().catch((error: unknown) => {
      this.#options.logger.debug({ err: error, sandboxId: this.sandbox.id }, 'the output of a sandbox ended early');
    });
  }
}

/** Why there was no HELLO, when the sandbox ended by itself. */
function earlyEnd(report: ExitReport | undefined, memoryMb: number): PlatformError | undefined {
  if (report === undefined || (report.reason !== undefined && !report.outOfMemory)) return undefined;
  const outcome = outcomeOfExit(report, memoryMb);
  const why = 'message' in outcome ? outcome.message : 'it ended';
  if (report.outOfMemory) return new PlatformError('function_error', 'out_of_memory', `while it started, it ${why}`);
  return new PlatformError('unavailable', 'start_failed', `the sandbox ended before its agent answered: ${why}`);
}
