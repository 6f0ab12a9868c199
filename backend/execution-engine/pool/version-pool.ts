import { hourMs } from '../../../shared/durations.ts';
import type { PlatformError } from '../../../shared/errors.ts';
import type { InstanceId } from '../../../shared/ids.ts';
import type { InvocationOutcome, StartKind } from '../../../shared/invocation.ts';
import type { CircuitSettings } from '../../core/policies/circuit.ts';
import type { ScaleDecision } from '../../core/policies/scaling.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { InstanceCall, InstanceState, Lease, PoolView, StartPhases } from '../../core/ports/instance-pool.ts';
import type { VersionSpec } from '../../core/version.ts';
import type { AheadCall, OfferAhead } from '../protocol/connection-options.ts';
import { type BootPurpose, BootsUnderWay } from './boots-under-way.ts';
import { Departures } from './departures.ts';
import { FreeInstances } from './free-instances.ts';
import { countInGrace, idleMemoryMb, longestIdleFirst } from './instance-states.ts';
import type { VersionKeepAlive } from './keep-alive-book.ts';
import type { InstanceOwner, PooledInstance } from './pooled-instance.ts';
import { grantLease } from './pooled-lease.ts';
import { StartCircuit } from './start-circuit.ts';
import { VersionScaler } from './version-scaler.ts';
import { WaitingLine } from './waiting-line.ts';

/** What the pool of one version needs of the pool of the host. */
export interface VersionPoolHost {
  readonly clock: Clock;
  readonly circuit: CircuitSettings;
  keepAliveOf(version: VersionSpec): VersionKeepAlive;
  /** A call came after `quietMs` without any; `found` is the idle instance that it gets at once. */
  calledAgain(quietMs: number, found: PooledInstance | undefined): void;
  /** This version would like to boot, or no longer would. Asks back through `bootsWanted`. */
  demandChanged(pool: VersionPool): void;
  /** An instance became idle: it could be evicted for a version that waits for room. */
  instanceIdle(): void;
  instanceChanged(instance: PooledInstance, from: InstanceState, reason: string): void;
  instanceDead(instance: PooledInstance): void;
}

/** All instances of one version, the calls that wait for one, and the decision how many more to start. */
export class VersionPool implements InstanceOwner {
  readonly version: VersionSpec;
  readonly instances = new Set<PooledInstance>();
  readonly keepAlive: VersionKeepAlive;
  /** Kept warm by configuration. */
  minInstances = 0;
  /** Boots under way, from before the sandbox is there. */
  readonly #starting = new BootsUnderWay();
  readonly #host: VersionPoolHost;
  readonly #free = new FreeInstances();
  readonly #line: WaitingLine;
  readonly #circuit: StartCircuit;
  readonly #scaler: VersionScaler;
  /** Neither draining nor dead; those in grace do not count for scaling. */
  #live = 0;
  /** Slots on lease. */
  #leased = 0;
  /** Until when idle memory is counted. */
  #countedMs: number;
  /** Instances wanted ahead of a call that is foretold, 0 or 1. */
  #ahead = 0;
  /** `quietSinceMs` of the quiet time for which one was started already: one try each. */
  #aheadOfMs: number | undefined;
  /** No alias refers to the version, and nobody has called it since. */
  #isRetired = false;
  #isShuttingDown = false;
  readonly #departures = new Departures();

  constructor(version: VersionSpec, host: VersionPoolHost) {
    this.version = version;
    this.#host = host;
    this.#line = new WaitingLine(host.clock);
    this.keepAlive = host.keepAliveOf(version);
    this.#countedMs = host.clock.monotonic();
    this.#scaler = new VersionScaler(host.clock, () => host.demandChanged(this));
    this.#circuit = new StartCircuit({
      version,
      clock: host.clock,
      settings: host.circuit,
      onProbe: () => host.demandChanged(this),
    });
  }

  get waiting(): number {
    return this.#line.size;
  }

  /** Neither booting nor on their way out. */
  get liveInstances(): number {
    return this.#live;
  }

  /** Nothing lives here, nothing waits, and failures are long past. */
  get isForgettable(): boolean {
    if (this.instances.size > 0 || this.#starting.size > 0 || this.#line.size > 0 || this.minInstances > 0)
      return false;
    if (this.#expectsCall()) return false;
    return this.#circuit.isForgettable;
  }

  tryAcquire(slots: number): Lease | undefined {
    if (this.#line.size > 0) return undefined;
    const instance = this.#free.find(slots);
    if (instance === undefined) return undefined;
    if (this.keepAlive.isQuiet) this.#wake(instance);
    return this.#lease(instance, slots, undefined);
  }

  /** A lease as soon as there is one; first come, first served. */
  acquire(slots: number, signal: AbortSignal, ahead?: () => InstanceCall): Promise<Lease> {
    if (this.#circuit.state() === 'open' && this.#live === 0) return Promise.reject(this.#circuit.openError());
    const onLeave = () => {
      this.#noteQuiet();
      this.#host.demandChanged(this);
    };
    const wanted = Math.min(slots, this.version.config.concurrency);
    const { promise, isWaiting } = this.#line.join(wanted, signal, onLeave, ahead);
    if (isWaiting) {
      this.#isRetired = false;
      this.#scaler.note(this.#leased + this.#line.slots);
      if (this.keepAlive.isQuiet) this.#wake(undefined);
      this.#serveWaiters();
      this.#host.demandChanged(this);
    }
    return promise;
  }

  /** How many boots should begin now. */
  bootsWanted(): number {
    return this.#circuit.state() === 'open' ? 0 : this.scale().boots;
  }

  /** How many instances there should be, and why. */
  scale(): ScaleDecision {
    return this.#scaler.decide({
      waitingSlots: this.#line.slots,
      waitedMs: this.#line.waitedMs,
      leasedSlots: this.#leased,
      booting: this.#starting.size,
      live: this.#live - countInGrace(this.instances),
      minInstances: Math.max(this.minInstances, this.#ahead),
      maxInstances: this.version.config.maxInstances,
      concurrency: this.version.config.concurrency,
      isProbing: this.#circuit.state() === 'half-open',
    });
  }

  /** A second went by, about. */
  tick(nowMs: number): void {
    this.#scaler.tick(nowMs, this.#leased + this.#line.slots);
    this.#countIdleMemory(nowMs);
    if (this.bootsWanted() > 0) this.#host.demandChanged(this);
  }

  /** Somebody waits for a boot, as opposed to keeping `minInstances`. */
  get isBootUrgent(): boolean {
    return this.#line.size > 0;
  }

  /** A call is foretold: there should be an instance by then. Starts at most one in each quiet time. */
  startAhead(): void {
    const { quietSinceMs } = this.keepAlive;
    if (this.#isRetired || this.#live > 0 || this.#starting.size > 0 || this.#aheadOfMs === quietSinceMs) return;
    this.#ahead = 1;
    this.#host.demandChanged(this);
  }

  stopStartingAhead(): void {
    this.#ahead = 0;
  }

  /** Says whom the boot is for; `phases` tells how far it has come. */
  bootStarted(id: InstanceId, start: StartKind, phases: () => StartPhases): BootPurpose {
    const purpose = this.#purpose();
    this.#ahead = 0;
    this.#aheadOfMs = this.keepAlive.quietSinceMs;
    this.#starting.begin(id, start, purpose, { createdAt: this.#host.clock.now(), phases });
    return purpose;
  }

  startUnderWay(): StartPhases | undefined {
    return this.#starting.firstPhases();
  }

  /** INIT of this boot is on its way: the call of the first waiter may follow, when nothing else could serve it sooner. */
  sendAhead(id: InstanceId, send: Parameters<OfferAhead>[0]): void {
    if (this.#live === 0 && this.#starting.size === 1 && !this.#starting.isStale(id)) this.#line.sendAhead(id, send);
  }

  bootSucceeded(instance: PooledInstance): void {
    const boot = this.#starting.end(instance.id);
    this.#circuit.succeeded();
    this.#scaler.started(instance.phases.acquireMs);
    instance.purpose = boot?.purpose ?? 'call';
    this.instances.add(instance);
    this.#live++;
    this.#line.serveBound(instance.id, (waiter, sent) => this.#lease(instance, waiter.slots, waiter.sinceMs, sent));
    if (boot?.staleReason !== undefined) this.#outdate(instance, boot.staleReason);
    instance.noteEarlyEnd();
    this.#free.list(instance);
    this.#serveWaiters();
    if (this.#isRetired) this.#leave(instance, 'its version was replaced');
    this.#host.demandChanged(this);
    if (instance.isIdle) this.#host.instanceIdle();
  }

  /**
   * The waiters that this boot would have served get its error; the others try again, unless the circuit is open now.
   * A boot that was called off blames nobody.
   */
  bootFailed(id: InstanceId, error: PlatformError, isCalledOff: boolean): void {
    this.#starting.end(id);
    if (isCalledOff) return;
    const isOpen = this.#circuit.failed(error);
    this.#line.rejectBoot(id, this.version.config.concurrency, error);
    // While it is open, provisioned instances and waiters of busy instances wait for the probe.
    if (!isOpen) this.#host.demandChanged(this);
    else if (this.#live === 0 && this.#starting.size === 0) this.#line.rejectAll(this.#circuit.openError());
    this.#noteQuiet();
  }

  /** Instances end as soon as they are idle, also those that are starting, unless somebody calls. Resolves when those that exist now are gone. */
  retire(reason: string): Promise<void> {
    this.minInstances = 0;
    this.#isRetired = true;
    this.#scaler.close();
    const gone = this.#departures.of(this.instances);
    for (const instance of [...this.instances]) this.#leave(instance, reason);
    return gone;
  }

  /** As `retire`, and resolves when no instance is left; calls that were given up hold nothing up any more. */
  async shutDown(reason: string): Promise<void> {
    this.#isShuttingDown = true;
    await this.retire(reason);
    while (this.instances.size > 0) await this.#departures.of(this.instances);
  }

  #leave(instance: PooledInstance, reason: string): void {
    instance.endsWhenIdle = true;
    this.#free.unlist(instance);
    if (this.#mayEnd(instance) && this.#line.size === 0) instance.drain(reason);
  }

  /** After a redeploy, calls whose callers left may go on to their deadlines. */
  #mayEnd(instance: PooledInstance): boolean {
    return this.#isShuttingDown ? instance.hasNoCaller : instance.isIdle;
  }

  /** What instances start with has changed: those that are there or are starting get no calls any more. */
  recycle(reason: string): void {
    this.#starting.outdate(reason);
    for (const instance of [...this.instances]) this.#outdate(instance, reason);
    this.#host.demandChanged(this);
  }

  rejectWaiters(error: PlatformError): void {
    this.#line.rejectAll(error);
  }

  destroyAll(reason: string, outcome: InvocationOutcome): void {
    this.#circuit.close();
    this.#scaler.close();
    for (const instance of [...this.instances]) instance.destroy(reason, outcome);
  }

  /** Idle instances that may go, the longest idle first; never so many that fewer than `minInstances` stay. */
  spareInstances(): PooledInstance[] {
    const idle = longestIdleFirst(this.instances);
    return idle.slice(0, Math.max(0, Math.min(idle.length, this.#live - this.minInstances)));
  }

  view(): Omit<PoolView, 'pausedCopies'> {
    const instances = [...this.#starting.views(), ...[...this.instances].map((instance) => instance.view())];
    const { keepAlive } = this;
    const quietMs = keepAlive.isQuiet ? this.#host.clock.monotonic() - keepAlive.quietSinceMs : undefined;
    const { samples, coldStartsAvoided, idleMbHours } = keepAlive;
    const keeping = { ...keepAlive.plan(), samples, quietMs, coldStartsAvoided, idleMbHours };
    return { version: this.version, instances, waiting: this.#line.size, keepAlive: keeping, scaling: this.#scaling() };
  }

  release(instance: PooledInstance, slots: number, verdict: 'healthy' | 'broken', grantedMs: number): void {
    const nowMs = this.#host.clock.monotonic();
    this.#leased -= slots;
    this.#scaler.held(nowMs - grantedMs);
    instance.returnSlots(slots, nowMs);
    if (verdict === 'broken') instance.drain('it was reported broken');
    else this.#offer(instance);
    if (instance.isInGrace) this.#host.demandChanged(this);
    if (this.#leased === 0 && this.#line.size === 0) this.keepAlive.quiet(nowMs);
  }

  instanceFreed(instance: PooledInstance): void {
    // Another took its place while it was in grace.
    if (this.#live + this.#starting.size > this.#most) instance.endsWhenIdle = true;
    this.#offer(instance);
  }

  instanceUnusable(instance: PooledInstance): void {
    this.#live--;
    this.#free.unlist(instance);
    this.#host.demandChanged(this);
  }

  instanceDead(instance: PooledInstance): void {
    this.instances.delete(instance);
    this.#host.instanceDead(instance);
    this.#departures.note(instance);
  }

  instanceChanged(instance: PooledInstance, from: InstanceState, reason: string): void {
    this.#host.instanceChanged(instance, from, reason);
  }

  #countIdleMemory(nowMs: number): void {
    const hours = (nowMs - this.#countedMs) / hourMs;
    this.#countedMs = nowMs;
    this.keepAlive.idleMbHours += idleMemoryMb(this.instances) * hours;
  }

  #scaling(): ScaleDecision {
    if (this.#circuit.state() !== 'open') return this.scale();
    return { ...this.scale(), boots: 0, reason: this.#circuit.openError().message };
  }

  /** The first call after a quiet time. */
  #wake(found: PooledInstance | undefined): void {
    const quietMs = this.keepAlive.called(this.#host.clock.monotonic());
    if (found !== undefined) this.keepAlive.coldStartsAvoided++;
    this.#isRetired = false;
    this.#ahead = 0;
    this.#host.calledAgain(quietMs, found);
  }

  #noteQuiet(): void {
    if (this.#leased === 0 && this.#line.size === 0) this.keepAlive.quiet(this.#host.clock.monotonic());
  }

  /** An instance may have to be started ahead of a call later. */
  #expectsCall(): boolean {
    if (this.#isRetired || this.#aheadOfMs === this.keepAlive.quietSinceMs) return false;
    const { preWarmMs, keepAliveMs } = this.keepAlive.plan();
    return preWarmMs > 0 && this.#host.clock.monotonic() - this.keepAlive.quietSinceMs < preWarmMs + keepAliveMs;
  }

  #outdate(instance: PooledInstance, reason: string): void {
    instance.isStale = true;
    instance.endsWhenIdle = true;
    this.#free.unlist(instance);
    if (instance.isIdle) instance.drain(reason);
  }

  #offer(instance: PooledInstance): void {
    if (this.#line.size > 0) {
      this.#free.list(instance);
      this.#serveWaiters();
    }
    if (instance.endsWhenIdle) {
      this.#free.unlist(instance);
      if (this.#mayEnd(instance)) instance.drain(this.#whyItEnds(instance));
      return;
    }
    this.#free.list(instance);
    if (instance.isIdle) this.#host.instanceIdle();
  }

  #serveWaiters(): void {
    for (let waiter = this.#line.first; waiter !== undefined; waiter = this.#line.first) {
      const instance = this.#free.find(waiter.slots);
      if (instance === undefined) return;
      this.#line.serve(waiter, this.#lease(instance, waiter.slots, waiter.sinceMs));
    }
  }

  /** `sinceMs` is when the caller began to wait, undefined when it did not. */
  #lease(instance: PooledInstance, slots: number, sinceMs: number | undefined, sent?: AheadCall): Lease {
    this.#leased += slots;
    // Who waited was counted when it began to.
    if (sinceMs === undefined) this.#scaler.note(this.#leased);
    instance.takeSlots(slots);
    if (instance.freeSlots <= 0) this.#free.unlist(instance);
    const ahead = sent === undefined ? undefined : instance.took(sent.result);
    return grantLease(this, { instance, slots, sinceMs, grantedMs: this.#host.clock.monotonic(), ahead });
  }

  #whyItEnds({ isStale }: PooledInstance): string {
    if (isStale) return 'what it started with has changed';
    return this.#live > this.#most
      ? 'another took its place while a call overran its time'
      : 'its version was replaced';
  }

  get #most(): number {
    return Math.max(this.version.config.maxInstances, this.minInstances);
  }

  #purpose(): BootPurpose {
    if (this.isBootUrgent) return 'call';
    if (this.#ahead > 0) return 'ahead';
    return this.#live + this.#starting.size < this.minInstances ? 'provisioned' : 'call';
  }
}
