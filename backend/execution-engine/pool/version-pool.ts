import { PlatformError } from '../../../shared/errors.ts';
import type { InstanceId } from '../../../shared/ids.ts';
import type { InvocationOutcome, StartKind } from '../../../shared/invocation.ts';
import {
  type CircuitSettings,
  type CircuitState,
  circuitAfterFailure,
  circuitBeforeTry,
  closedCircuit,
} from '../../core/policies/circuit.ts';
import { bootsWanted } from '../../core/policies/scaling.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { InstanceState, InstanceView, Lease, PoolView, StartPhases } from '../../core/ports/instance-pool.ts';
import type { VersionSpec } from '../../core/version.ts';
import type { InstanceOwner, PooledInstance } from './pooled-instance.ts';
import { WaitingLine } from './waiting-line.ts';

/** What the pool of one version needs of the pool of the host. */
export interface VersionPoolHost {
  readonly clock: Clock;
  readonly circuit: CircuitSettings;
  /** This version would like to boot, or no longer would. Asks back through `bootsWanted`. */
  demandChanged(pool: VersionPool): void;
  /** An instance became idle: it could be evicted for a version that waits for room. */
  instanceIdle(): void;
  instanceChanged(instance: PooledInstance, from: InstanceState, reason: string): void;
  instanceDead(instance: PooledInstance): void;
}

/** After this long without a call, a version that failed to start gets a fresh chance. */
const rememberFailuresMs = 120_000;
const warmPhases: StartPhases = { acquireMs: 0, bootMs: 0, loadMs: 0, initMs: 0 };

/** All instances of one version, the calls that wait for one, and the decision how many more to start. */
export class VersionPool implements InstanceOwner {
  readonly version: VersionSpec;
  readonly instances = new Set<PooledInstance>();
  /** Kept warm by configuration. */
  minInstances = 0;
  lastUsedMs: number;
  /** Boots under way, from before the sandbox is there. */
  readonly #starting = new Map<InstanceId, InstanceView>();
  readonly #host: VersionPoolHost;
  /** Instances with free slots, the most recently used last, so that spares at the bottom age out. */
  readonly #free: PooledInstance[] = [];
  readonly #line: WaitingLine;
  /** Instances that count for scaling: not draining and not dead. */
  #live = 0;
  #circuit: CircuitState = closedCircuit;
  #lastFailure: PlatformError | undefined;
  #lastFailureMs = 0;
  #cancelProbe: (() => void) | undefined;
  #emptied: (() => void)[] = [];

  constructor(version: VersionSpec, host: VersionPoolHost) {
    this.version = version;
    this.#host = host;
    this.#line = new WaitingLine(host.clock);
    this.lastUsedMs = host.clock.monotonic();
  }

  get waiting(): number {
    return this.#line.size;
  }

  /** Nothing lives here, nothing waits, and failures are long past. */
  get isForgettable(): boolean {
    if (this.instances.size > 0 || this.#starting.size > 0 || this.#line.size > 0 || this.minInstances > 0)
      return false;
    return this.#circuit === closedCircuit || this.#host.clock.monotonic() - this.#lastFailureMs > rememberFailuresMs;
  }

  tryAcquire(slots: number): Lease | undefined {
    if (this.#line.size > 0) return undefined;
    const instance = this.#findFree(slots);
    return instance === undefined ? undefined : this.#lease(instance, slots, undefined);
  }

  /** A lease as soon as there is one; first come, first served. */
  acquire(slots: number, signal: AbortSignal): Promise<Lease> {
    const refusal = this.#refusal();
    if (refusal !== undefined) return Promise.reject(refusal);
    const { promise, isWaiting } = this.#line.join(Math.min(slots, this.version.config.concurrency), signal, () =>
      this.#host.demandChanged(this),
    );
    if (isWaiting) {
      this.#serveWaiters();
      this.#host.demandChanged(this);
    }
    return promise;
  }

  /** How many boots should begin now. */
  bootsWanted(): number {
    this.#circuit = circuitBeforeTry(this.#circuit, this.#host.clock.monotonic());
    if (this.#circuit.kind === 'open') return 0;
    const { concurrency, maxInstances } = this.version.config;
    return bootsWanted({
      waitingSlots: this.#line.slots,
      booting: this.#starting.size,
      live: this.#live,
      minInstances: this.minInstances,
      maxInstances,
      concurrency,
      isProbing: this.#circuit.kind === 'half-open',
    });
  }

  /** Somebody waits for a boot, as opposed to keeping `minInstances`. */
  get isBootUrgent(): boolean {
    return this.#line.size > 0;
  }

  bootStarted(id: InstanceId, start: StartKind): void {
    const createdAt = this.#host.clock.now();
    const usage = { cpuMs: 0, memoryBytes: 0, peakMemoryBytes: 0, pids: 0 };
    this.#starting.set(id, { id, state: 'starting', inFlight: 0, start, createdAt, invocations: 0, usage });
  }

  bootSucceeded(instance: PooledInstance): void {
    this.#starting.delete(instance.id);
    this.#circuit = closedCircuit;
    this.#lastFailure = undefined;
    this.#cancelProbe?.();
    this.instances.add(instance);
    this.#live++;
    this.#list(instance);
    this.#serveWaiters();
    this.#host.demandChanged(this);
    if (instance.isIdle) this.#host.instanceIdle();
  }

  /**
   * The waiters that this boot would have served get its error; the others try again, unless the circuit is open now.
   * A boot that was called off blames nobody.
   */
  bootFailed(id: InstanceId, error: PlatformError, isCalledOff: boolean): void {
    this.#starting.delete(id);
    if (isCalledOff) return;
    const { clock, circuit } = this.#host;
    this.#circuit = circuitAfterFailure(this.#circuit, clock.monotonic(), circuit);
    this.#lastFailure = error;
    this.#lastFailureMs = clock.monotonic();
    this.#line.rejectSlots(this.version.config.concurrency, error);
    if (this.#circuit.kind !== 'open') {
      this.#host.demandChanged(this);
      return;
    }
    if (this.#live === 0 && this.#starting.size === 0) this.#line.rejectAll(this.#openError(this.#circuit));
    // Provisioned instances and waiters of busy instances are tried again when the circuit allows a probe.
    this.#cancelProbe?.();
    this.#cancelProbe = clock.after(this.#circuit.openMs, () => this.#host.demandChanged(this));
  }

  /** Instances end as soon as they are idle. Resolves when those that exist now are gone. */
  retire(reason: string): Promise<void> {
    this.minInstances = 0;
    for (const instance of [...this.instances]) {
      instance.endsWhenIdle = true;
      this.#unlist(instance);
      if (instance.isIdle && this.#line.size === 0) instance.drain(reason);
    }
    return this.emptied();
  }

  /** Resolves when no instance is left. */
  emptied(): Promise<void> {
    if (this.instances.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#emptied.push(resolve));
  }

  rejectWaiters(error: PlatformError): void {
    this.#line.rejectAll(error);
  }

  destroyAll(reason: string, outcome: InvocationOutcome): void {
    this.#cancelProbe?.();
    for (const instance of [...this.instances]) instance.destroy(reason, outcome);
  }

  /** Idle instances that may go, the longest idle first; never so many that fewer than `minInstances` stay. */
  spareInstances(): PooledInstance[] {
    const idle = [...this.instances].filter((instance) => instance.isIdle);
    idle.sort((a, b) => a.idleSinceMs - b.idleSinceMs);
    return idle.slice(0, Math.max(0, Math.min(idle.length, this.#live - this.minInstances)));
  }

  view(): PoolView {
    const instances = [...this.#starting.values(), ...[...this.instances].map((instance) => instance.view())];
    return { version: this.version, instances, waiting: this.#line.size };
  }

  release(instance: PooledInstance, slots: number, verdict: 'healthy' | 'broken'): void {
    const nowMs = this.#host.clock.monotonic();
    this.lastUsedMs = nowMs;
    instance.returnSlots(slots, nowMs);
    if (verdict === 'broken') instance.drain('it was reported broken');
    else this.#offer(instance);
  }

  instanceFreed(instance: PooledInstance): void {
    this.#offer(instance);
  }

  instanceUnusable(instance: PooledInstance): void {
    this.#live--;
    this.#unlist(instance);
    this.#host.demandChanged(this);
  }

  instanceDead(instance: PooledInstance): void {
    this.instances.delete(instance);
    this.#host.instanceDead(instance);
    if (this.instances.size > 0) return;
    const emptied = this.#emptied;
    this.#emptied = [];
    for (const resolve of emptied) resolve();
  }

  instanceChanged(instance: PooledInstance, from: InstanceState, reason: string): void {
    this.#host.instanceChanged(instance, from, reason);
  }

  #offer(instance: PooledInstance): void {
    if (this.#line.size > 0) {
      this.#list(instance);
      this.#serveWaiters();
    }
    if (instance.endsWhenIdle) {
      this.#unlist(instance);
      if (instance.isIdle) instance.drain('its version was replaced');
      return;
    }
    this.#list(instance);
    if (instance.isIdle) this.#host.instanceIdle();
  }

  #serveWaiters(): void {
    for (let waiter = this.#line.first; waiter !== undefined; waiter = this.#line.first) {
      const instance = this.#findFree(waiter.slots);
      if (instance === undefined) return;
      this.#line.serve(waiter, this.#lease(instance, waiter.slots, waiter.sinceMs));
    }
  }

  #findFree(slots: number): PooledInstance | undefined {
    for (let i = this.#free.length - 1; i >= 0; i--) {
      const instance = this.#free[i];
      if (instance !== undefined && instance.freeSlots >= slots) return instance;
    }
    return undefined;
  }

  /** `sinceMs` is when the caller began to wait, undefined when it did not. */
  #lease(instance: PooledInstance, slots: number, sinceMs: number | undefined): Lease {
    instance.takeSlots(slots);
    if (instance.freeSlots <= 0) this.#unlist(instance);
    const isFirst = !instance.isStartReported;
    instance.isStartReported = true;
    if (sinceMs === undefined) return new PooledLease(this, instance, slots, 'warm', warmPhases);
    const acquireMs = this.#host.clock.monotonic() - sinceMs;
    // Only who waited while it started paid for the start.
    if (!isFirst || sinceMs > instance.readyMs) {
      return new PooledLease(this, instance, slots, 'warm', { ...warmPhases, acquireMs });
    }
    return new PooledLease(this, instance, slots, instance.start, { ...instance.phases, acquireMs });
  }

  #list(instance: PooledInstance): void {
    if (instance.isListed || instance.freeSlots <= 0) return;
    instance.isListed = true;
    this.#free.push(instance);
  }

  #unlist(instance: PooledInstance): void {
    if (!instance.isListed) return;
    instance.isListed = false;
    // The one in question is nearly always the last.
    const at = this.#free.lastIndexOf(instance);
    if (at === this.#free.length - 1) this.#free.pop();
    else this.#free.splice(at, 1);
  }

  #refusal(): PlatformError | undefined {
    this.#circuit = circuitBeforeTry(this.#circuit, this.#host.clock.monotonic());
    if (this.#circuit.kind !== 'open' || this.#live > 0) return undefined;
    return this.#openError(this.#circuit);
  }

  #openError(circuit: { readonly untilMs: number }): PlatformError {
    const waitMs = Math.max(0, circuit.untilMs - this.#host.clock.monotonic());
    const why = this.#lastFailure?.message ?? 'it failed to start';
    return new PlatformError(
      'unavailable',
      'init_circuit_open',
      `version ${this.version.version} of ${this.version.functionName} failed to start several times in a row, the last time with: ${why}. It is tried again soon`,
      { retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1000)), detail: this.#lastFailure?.detail ?? {} },
    );
  }
}

class PooledLease implements Lease {
  readonly instance: PooledInstance;
  readonly start: Lease['start'];
  readonly phases: StartPhases;
  readonly #pool: VersionPool;
  #slots: number;

  constructor(pool: VersionPool, instance: PooledInstance, slots: number, start: Lease['start'], phases: StartPhases) {
    this.#pool = pool;
    this.instance = instance;
    this.#slots = slots;
    this.start = start;
    this.phases = phases;
  }

  release(verdict: 'healthy' | 'broken'): void {
    if (this.#slots === 0) return;
    const slots = this.#slots;
    this.#slots = 0;
    this.#pool.release(this.instance, slots, verdict);
  }
}
