import type { InstanceId } from '../../../shared/ids.ts';
import type { InvocationOutcome, StartKind } from '../../../shared/invocation.ts';
import { secretsOf } from '../../../shared/version-config.ts';
import type {
  Instance,
  InstanceCall,
  InstanceResult,
  InstanceState,
  InstanceView,
  RunningCall,
  StartPhases,
} from '../../core/ports/instance-pool.ts';
import type { OutputLine, ResourceUsage } from '../../core/ports/sandbox.ts';
import type { OpenedSecrets } from '../../core/ports/secrets.ts';
import type { VersionSpec } from '../../core/version.ts';
import type { AgentLog } from './agent-link.ts';
import type { BootedSandbox, SandboxOwner } from './booted-sandbox.ts';
import type { BootPurpose } from './boots-under-way.ts';
import type { InstanceLogs } from './instance-logs.ts';
import { redactOutcome } from './redact-errors.ts';

/** What an instance tells the pool of its version. */
export interface InstanceOwner {
  /** A slot may have become free without a release: a call that was given up ended inside. */
  instanceFreed(instance: PooledInstance): void;
  /** It takes no more calls: overdue, lost or told to. */
  instanceUnusable(instance: PooledInstance): void;
  /** Every process is gone. */
  instanceDead(instance: PooledInstance, reason: string): void;
  instanceChanged(instance: PooledInstance, from: InstanceState, reason: string): void;
}

export interface PooledInstanceOptions {
  readonly id: InstanceId;
  readonly version: VersionSpec;
  readonly body: BootedSandbox;
  readonly start: StartKind;
  readonly phases: StartPhases;
  /** Clock.now and Clock.monotonic. */
  readonly createdAt: number;
  readonly readyMs: number;
  readonly logs: InstanceLogs;
  readonly redact: OpenedSecrets['redact'];
  readonly owner: InstanceOwner;
}

const noUsage: ResourceUsage = { cpuMs: 0, memoryBytes: 0, peakMemoryBytes: 0, pids: 0 };

/**
 * A sandbox with one version loaded; it exists from READY on (before, `starting` is counted by the version's pool).
 *
 * | state    | event                                                   | next                            |
 * | -------- | ------------------------------------------------------- | ------------------------------- |
 * | idle     | lease                                                   | busy                            |
 * | busy     | last lease released, nothing given up runs inside       | idle                            |
 * | busy     | overdue (a call ignored its deadline and the grace)     | draining; dead when empty       |
 * | idle     | evict, idle time-out, retire, shutdown                  | draining; destroyed at once     |
 * | busy     | retire                                                  | busy, `endsWhenIdle`            |
 * | busy     | recycle                                                 | busy, `isStale`                 |
 * | busy     | released as `broken`                                    | draining; dead when empty       |
 * | any      | sandbox or channel lost                                 | draining, then dead on exit     |
 * | draining | last lease released                                     | destroyed; dead on exit         |
 *
 * `paused` is not entered by this pool.
 */
export class PooledInstance implements Instance, SandboxOwner {
  readonly id: InstanceId;
  readonly version: VersionSpec;
  readonly start: StartKind;
  readonly phases: StartPhases;
  readonly createdAt: number;
  readonly body: BootedSandbox;
  /** No new leases but for calls that wait already; destroyed when idle. */
  endsWhenIdle = false;
  /** No new leases at all: what it started with has changed. */
  isStale = false;
  /** The first lease has reported the start. */
  isStartReported = false;
  /** Whom it was started for; `ahead` until the foretold call is there. */
  purpose: BootPurpose = 'call';
  /** In the pool's stack of instances with free slots. */
  isListed = false;
  /** Clock.monotonic() at READY. */
  readonly readyMs: number;
  /** Clock.monotonic() of the last release. */
  idleSinceMs: number;
  invocations = 0;
  usage: ResourceUsage = noUsage;
  /** `invocations` at the last usage sample. */
  sampledInvocations = -1;
  readonly #owner: InstanceOwner;
  readonly #logs: InstanceLogs;
  readonly #redact: OpenedSecrets['redact'];
  readonly #hasSecrets: boolean;
  #state: InstanceState = 'idle';
  #inFlight = 0;

  constructor(options: PooledInstanceOptions) {
    this.id = options.id;
    this.version = options.version;
    this.start = options.start;
    this.phases = options.phases;
    this.createdAt = options.createdAt;
    this.body = options.body;
    this.readyMs = options.readyMs;
    this.idleSinceMs = options.readyMs;
    this.#owner = options.owner;
    this.#logs = options.logs;
    this.#redact = options.redact;
    this.#hasSecrets = secretsOf(options.version.config).length > 0;
  }

  get state(): InstanceState {
    return this.#state;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** Slots that a lease may take now. Calls that were given up hold theirs until they end inside. */
  get freeSlots(): number {
    if (this.isStale || this.#isLeaving) return 0;
    return this.version.config.concurrency - this.#inFlight - this.body.link.abandoned;
  }

  /**
   * It has no free slot, and calls inside have no time left: it ends with their grace unless they stop within it. Calls that wait are not
   * left to it.
   */
  get isInGrace(): boolean {
    const { abandoned } = this.body.link;
    if (abandoned === 0 || this.#isLeaving || this.freeSlots > 0) return false;
    return this.body.link.outOfTime > 0;
  }

  get isIdle(): boolean {
    return this.#state === 'idle' && this.body.link.abandoned === 0 && this.body.link.background === 0;
  }

  /** Idle but for calls that were given up and go on inside: nobody waits for them. */
  get hasNoCaller(): boolean {
    return this.#state === 'idle' && this.body.link.background === 0;
  }

  invoke(call: InstanceCall): Promise<InstanceResult> {
    this.invocations++;
    return this.#withoutSecrets(this.body.link.invoke(call));
  }

  invokeBatch(calls: readonly InstanceCall[]): readonly Promise<InstanceResult>[] {
    this.invocations += calls.length;
    return this.body.link.invokeBatch(calls).map((result) => this.#withoutSecrets(result));
  }

  /** A call that was sent to it before it was ready. */
  took(result: Promise<InstanceResult>): Promise<InstanceResult> {
    this.invocations++;
    return this.#withoutSecrets(result);
  }

  /** Calls inside whose callers wait for them. */
  running(): readonly RunningCall[] {
    return this.body.link.running().map((call) => ({ ...call, instanceId: this.id }));
  }

  takeSlots(slots: number): void {
    this.#inFlight += slots;
    this.#state = 'busy';
  }

  returnSlots(slots: number, nowMs: number): void {
    this.#inFlight -= slots;
    if (this.#inFlight > 0) return;
    if (this.#state === 'busy') {
      this.#state = 'idle';
      this.idleSinceMs = nowMs;
    } else if (this.#state === 'draining') {
      this.#destroyIfEmpty('it takes no more calls and is empty');
    }
  }

  /** Takes no new calls; those inside run to their own deadlines, then the sandbox is destroyed. */
  drain(reason: string): void {
    if (this.#isLeaving) return;
    this.#move('draining', reason);
    this.#destroyIfEmpty(reason);
    this.#owner.instanceUnusable(this);
  }

  /** Ends it now, whatever runs inside; those calls get `outcome`. */
  destroy(reason: string, outcome?: InvocationOutcome): void {
    this.drain(reason);
    this.body.destroy(reason, outcome);
  }

  log(entry: AgentLog): void {
    this.#logs.append(entry);
  }

  output(line: OutputLine): void {
    this.#logs.appendRaw(line, this.body.link.soleInvocation);
  }

  freed(): void {
    if (this.#state === 'draining') this.#destroyIfEmpty('it takes no more calls and is empty');
    else this.#owner.instanceFreed(this);
  }

  overdue(): void {
    if (this.#state === 'draining') this.#destroyIfEmpty('a call did not stop at its deadline');
    if (this.#isLeaving) return;
    this.#logs.note('a call went on after its deadline and the grace period; its instance is being destroyed');
    this.drain('a call did not stop at its deadline');
  }

  /** To be called once its owner knows it: the call that came behind INIT may have ended it before. */
  noteEarlyEnd(): void {
    if (this.body.isLost) this.lost();
  }

  lost(): void {
    this.drain('the sandbox ended');
    this.body.exited.then(
      (report) => this.#die(report.reason ?? 'the sandbox ended by itself'),
      () => this.#die('the sandbox ended'),
    );
  }

  view(): InstanceView {
    const { id, state, inFlight, start, createdAt, invocations, usage } = this;
    return { id, state, inFlight, start, createdAt, invocations, usage };
  }

  /** What the function says of an error is stored and shown. */
  #withoutSecrets(result: Promise<InstanceResult>): Promise<InstanceResult> {
    // Most functions have none, and a call must not wait for one more turn then.
    if (!this.#hasSecrets) return result;
    return result.then((settled) => {
      const outcome = redactOutcome(settled.outcome, this.#redact);
      return outcome === settled.outcome ? settled : { ...settled, outcome };
    });
  }

  get #isLeaving(): boolean {
    return this.#state === 'draining' || this.#state === 'dead';
  }

  /** What was given up does not count: nobody waits for it. */
  #destroyIfEmpty(reason: string): void {
    if (this.#inFlight === 0 && this.body.link.background === 0) this.body.destroy(reason);
  }

  #die(reason: string): void {
    if (this.#state === 'dead') return;
    this.#move('dead', reason);
    this.#owner.instanceDead(this, reason);
  }

  #move(to: InstanceState, reason: string): void {
    const from = this.#state;
    this.#state = to;
    this.#owner.instanceChanged(this, from, reason);
  }
}
