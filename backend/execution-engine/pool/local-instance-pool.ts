import { PlatformError } from '../../../shared/errors.ts';
import { newId, type VersionId } from '../../../shared/ids.ts';
import { limits } from '../../../shared/limits.ts';
import type { RuntimeName } from '../../../shared/version-config.ts';
import { minInstancesAt, mostMinInstances } from '../../core/policies/provisioned.ts';
import type { RunnableBundles } from '../../core/ports/bundle-store.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type {
  InstanceCall,
  InstancePool,
  InstanceState,
  Lease,
  PoolView,
  PreWarmedView,
  RunningCall,
  StartPhases,
} from '../../core/ports/instance-pool.ts';
import type { DriverHealth, DriverName, IsolationDriver } from '../../core/ports/isolation-driver.ts';
import type { LogSink } from '../../core/ports/log-sink.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { MetricsSink } from '../../core/ports/metrics-sink.ts';
import type { RuntimeAdapter } from '../../core/ports/runtime-adapter.ts';
import type { SecretSource } from '../../core/ports/secrets.ts';
import type { SandboxStore } from '../../core/ports/store.ts';
import type { VersionSpec } from '../../core/version.ts';
import type { OpenAgentLink } from './agent-link.ts';
import { BootGate } from './boot-gate.ts';
import { shutdownOutcome } from './exit-outcome.ts';
import { GenericSandboxes } from './generic-sandboxes.ts';
import { HostCapacity } from './host-capacity.ts';
import { sweepIdle } from './idle-sweep.ts';
import { type InstanceStart, InstanceStarter } from './instance-starter.ts';
import { KeepAliveBook, type VersionKeepAlive } from './keep-alive-book.ts';
import type { PoolSettings } from './pool-settings.ts';
import type { PooledInstance } from './pooled-instance.ts';
import { ReadyAhead, startOf } from './ready-ahead.ts';
import { SandboxMaker, startError } from './sandbox-maker.ts';
import { shapeOf } from './sandbox-shape.ts';
import { SnapshotBook } from './snapshot-book.ts';
import { StartSteps } from './start-steps.ts';
import { UsageSampler } from './usage-sampler.ts';
import { VersionPool, type VersionPoolHost } from './version-pool.ts';

export interface LocalInstancePoolOptions {
  readonly drivers: ReadonlyMap<DriverName, IsolationDriver>;
  readonly driverHealth: (name: DriverName) => DriverHealth;
  readonly adapters: ReadonlyMap<RuntimeName, RuntimeAdapter>;
  readonly bundles: RunnableBundles;
  readonly sandboxes: SandboxStore;
  readonly secrets: SecretSource;
  /** How to talk to the agent on a fresh channel: `protocolLinks(…)`. */
  readonly openLink: OpenAgentLink;
  readonly clock: Clock;
  readonly metrics: MetricsSink;
  readonly logs: LogSink;
  readonly logger: Logger;
  readonly settings: PoolSettings;
}

const shutdown = 'the platform is shutting down';
/** How long after the deadline of `drain` sandboxes may take to be gone. */
const removalWaitMs = 5000;

/** The pool of one host, in this process. */
export class LocalInstancePool implements InstancePool, VersionPoolHost {
  readonly clock: Clock;
  readonly circuit: PoolSettings['circuit'];
  readonly #options: LocalInstancePoolOptions;
  readonly #pools = new Map<VersionId, VersionPool>();
  readonly #capacity: HostCapacity;
  readonly #maker: SandboxMaker;
  readonly #ahead: ReadyAhead;
  readonly #starter: InstanceStarter;
  readonly #snapshots: SnapshotBook;
  readonly #gate: BootGate;
  readonly #usage: UsageSampler;
  readonly #book: KeepAliveBook;
  /** Versions that ask for instances to be kept warm, at all hours or at some. */
  readonly #provisioned = new Map<VersionId, VersionSpec>();
  readonly #stop = new AbortController();
  #isDraining = false;
  #cancelSweep: (() => void) | undefined;

  constructor(options: LocalInstancePoolOptions) {
    this.#options = options;
    const { settings, clock, logger, bundles, logs, secrets } = options;
    this.clock = clock;
    this.circuit = settings.circuit;
    this.#capacity = new HostCapacity({
      maxInstances: settings.maxInstances,
      memoryBudgetMb: settings.memoryBudgetMb,
      onFreed: () => this.#gate.pump(),
    });
    this.#maker = new SandboxMaker({ ...options, ...settings });
    const { maxLogBytesPerInvocation } = settings;
    const maker = this.#maker;
    const { snapshots: mode } = settings;
    this.#snapshots = new SnapshotBook({ drivers: options.drivers, mode, secrets, clock, logger });
    const generic = new GenericSandboxes({ maker, snapshots: this.#snapshots, capacity: this.#capacity });
    this.#starter = new InstanceStarter({
      maker,
      generic,
      snapshots: this.#snapshots,
      bundles,
      capacity: this.#capacity,
      logs,
      metrics: options.metrics,
      secrets,
      clock,
      maxLogBytesPerInvocation,
    });
    this.#ahead = new ReadyAhead({
      capacity: this.#capacity,
      maker,
      generic,
      starter: this.#starter,
      snapshots: this.#snapshots,
      clock,
      logger,
      settings,
      pools: this.#pools,
      onWanted: () => this.#gate.pump(),
    });
    this.#gate = new BootGate({
      maxBoots: settings.maxSimultaneousBoots,
      startBoot: (pool) => this.#startBoot(pool),
      refill: () => (this.#isDraining ? undefined : this.#ahead.refillOne(this.#stop.signal)),
    });
    this.#book = new KeepAliveBook({
      mode: settings.keepAlive,
      settings: settings.keepAlivePolicy,
      maxVersions: settings.maxRememberedVersions,
    });
    const instances = () => this.#instances();
    this.#usage = new UsageSampler({
      clock,
      intervalMs: settings.usageIntervalMs,
      instances,
      onIo: ({ version }, io) => options.metrics.record({ kind: 'instance-io', at: clock.now(), version, io }),
      onMemory: ({ version }, bytes) =>
        options.metrics.record({ kind: 'instance-memory', at: clock.now(), version, bytes }),
    });
  }

  tryAcquire(version: VersionSpec, slots = 1): Lease | undefined {
    if (this.#isDraining) return undefined;
    return this.#pools.get(version.versionId)?.tryAcquire(slots);
  }

  acquire(version: VersionSpec, signal: AbortSignal, slots = 1, ahead?: () => InstanceCall): Promise<Lease> {
    if (this.#isDraining) return Promise.reject(drainingError());
    const refusal = this.#refusal(version);
    if (refusal !== undefined) return Promise.reject(refusal);
    return this.#poolOf(version).acquire(slots, signal, ahead);
  }

  startUnderWay(version: VersionSpec): StartPhases | undefined {
    return this.#pools.get(version.versionId)?.startUnderWay();
  }

  provision(versions: readonly VersionSpec[]): void {
    if (this.#isDraining) return;
    this.#provisioned.clear();
    for (const version of versions) {
      if (mostMinInstances(version.config) > 0) this.#provisioned.set(version.versionId, version);
    }
    for (const pool of this.#pools.values()) {
      if (!this.#provisioned.has(pool.version.versionId)) pool.minInstances = 0;
    }
    this.#keepProvisioned();
  }

  expect(versions: readonly VersionSpec[]): void {
    if (!this.#isDraining) for (const version of versions) this.#starter.expect(version);
  }

  async retireVersion(versionId: VersionId, reason: string): Promise<void> {
    this.#provisioned.delete(versionId);
    this.#dropSnapshot(versionId, reason);
    await this.#pools.get(versionId)?.retire(reason);
  }

  recycle(versions: ReadonlySet<VersionId>, reason: string): void {
    for (const id of versions) {
      this.#pools.get(id)?.recycle(reason);
      this.#dropSnapshot(id, reason);
    }
  }

  *running(): Iterable<RunningCall> {
    for (const instance of this.#instances()) yield* instance.running();
  }

  pools(): readonly PoolView[] {
    return [...this.#pools.values()].map((pool) => {
      return { ...pool.view(), pausedCopies: this.#ahead.copies.view(pool.version.versionId) };
    });
  }

  preWarmed(): readonly PreWarmedView[] {
    return this.#ahead.stock.views();
  }

  /** Starts the pre-warmed sandboxes of every language that is there; does not wait for them. Custom runtimes get theirs with the first use. */
  async start(): Promise<void> {
    this.#sweepLater();
    this.#usage.start();
    const { adapters, settings } = this.#options;
    if (settings.preWarmPerRuntime === 0) return;
    for (const [runtime, adapter] of adapters) {
      if (runtime === 'custom' || runtime === 'image') continue;
      const health = await adapter.probe();
      if (health.status === 'available')
        this.#ahead.stock.addDefault(shapeOf(settings.defaultIsolation, runtime, defaultShape));
    }
  }

  async drain(deadlineAt: number): Promise<void> {
    this.#isDraining = true;
    this.#gate.close();
    this.#cancelSweep?.();
    this.#usage.stop();
    this.#stop.abort(drainingError());
    const pools = [...this.#pools.values()];
    for (const pool of pools) pool.rejectWaiters(drainingError());
    const aheadGone = this.#ahead.close(shutdown);
    const allGone = Promise.all([aheadGone, ...pools.map((pool) => pool.shutDown(shutdown))]);
    const isGone = await this.#within(allGone, deadlineAt - this.clock.now());
    if (isGone) return;
    for (const pool of pools) pool.destroyAll(shutdown, shutdownOutcome);
    if (await this.#within(allGone, removalWaitMs)) return;
    this.#options.logger.error({}, 'some sandboxes were not gone in time; the next start sweeps them');
  }

  demandChanged(pool: VersionPool): void {
    if (!this.#isDraining) this.#gate.request(pool);
  }

  keepAliveOf(version: VersionSpec): VersionKeepAlive {
    return this.#book.of(version, this.clock.monotonic());
  }

  calledAgain(_quietMs: number, found: PooledInstance | undefined): void {
    if (found?.purpose === 'ahead') found.purpose = 'call';
  }

  instanceIdle(): void {
    if (this.#gate.isBlocked) this.#gate.pump();
  }

  instanceChanged(instance: PooledInstance, from: InstanceState | 'none', reason: string): void {
    this.#record(instance.version, from, instance.state, reason);
  }

  instanceDead(): void {
    // Its room is given back by the sandbox itself.
  }

  /** What windows ask for changes with the clock. */
  #keepProvisioned(): void {
    for (const version of this.#provisioned.values()) {
      const minInstances = minInstancesAt(version.config, this.clock.now());
      if (minInstances === (this.#pools.get(version.versionId)?.minInstances ?? 0)) continue;
      const pool = this.#poolOf(version);
      pool.minInstances = minInstances;
      this.#gate.request(pool);
    }
  }

  #poolOf(version: VersionSpec): VersionPool {
    let pool = this.#pools.get(version.versionId);
    if (pool === undefined) {
      pool = new VersionPool(version, this);
      this.#pools.set(version.versionId, pool);
    }
    return pool;
  }

  #refusal(version: VersionSpec): PlatformError | undefined {
    const { isolation, memoryMb } = version.config;
    if (!this.#capacity.couldEverFit(memoryMb)) {
      const budget = this.#options.settings.memoryBudgetMb;
      const message = `memoryMb ${memoryMb} is more than all instances of this host may use together (${budget} MB); lower it or raise HEARTH_POOL_MEMORY_MB`;
      return new PlatformError('unavailable', 'capacity', message);
    }
    try {
      this.#maker.driver(isolation);
      return undefined;
    } catch (error) {
      return startError(error);
    }
  }

  #startBoot(pool: VersionPool): Promise<void> | undefined {
    const from = this.#ahead.startFrom(pool);
    if (from === undefined) return undefined;
    const id = newId('instance', this.clock.now());
    const start = startOf(from);
    const steps = new StartSteps(this.clock);
    const purpose = pool.bootStarted(id, start, () => steps.phases());
    this.#record(pool.version, 'none', 'starting', purpose === 'ahead' ? 'ahead of a foretold call' : start);
    return this.#boot(pool, { id, from, steps });
  }

  async #boot(pool: VersionPool, start: Pick<InstanceStart, 'id' | 'from' | 'steps'>): Promise<void> {
    const { version } = pool;
    try {
      const ahead: InstanceStart['ahead'] = (send) => pool.sendAhead(start.id, send);
      const instance = await this.#starter.start({ ...start, version, owner: pool, signal: this.#stop.signal, ahead });
      this.#record(pool.version, 'starting', 'idle', instance.start);
      pool.bootSucceeded(instance);
      this.#ahead.copies.used(pool.version);
      if (this.#isDraining) instance.destroy(shutdown, shutdownOutcome);
    } catch (cause) {
      const error = startError(cause);
      this.#record(pool.version, 'starting', 'dead', error.code);
      if (error.kind !== 'function_error') {
        this.#options.logger.warn({ err: cause, function: pool.version.functionName }, 'an instance did not start');
      }
      pool.bootFailed(start.id, this.#isDraining ? drainingError() : error, this.#isDraining);
    }
  }

  #sweepLater(): void {
    this.#cancelSweep = this.clock.after(this.#options.settings.sweepIntervalMs, () => {
      this.#sweep();
      if (!this.#isDraining) this.#sweepLater();
    });
  }

  /** Ends what was idle for too long, starts what will be needed soon, and forgets versions that left nothing. */
  #sweep(): void {
    const now = this.clock.monotonic();
    const { pressure } = this.#capacity;
    this.#keepProvisioned();
    for (const [versionId, pool] of this.#pools) {
      pool.tick(now);
      sweepIdle(pool, now, pressure);
      const { count } = this.#ahead.copies.view(versionId);
      if (pool.isForgettable && count === 0) this.#pools.delete(versionId);
    }
    this.#ahead.sweep();
    // A driver may have become healthy, a back-off may be over.
    this.#gate.pump();
  }

  #dropSnapshot(versionId: VersionId, reason: string): void {
    this.#snapshots.drop(versionId);
    this.#ahead.copies.drop(versionId, reason);
  }

  *#instances(): Iterable<PooledInstance> {
    for (const pool of this.#pools.values()) yield* pool.instances;
  }

  async #within(done: Promise<unknown>, ms: number): Promise<boolean> {
    const cancelled = new AbortController();
    const isDone = await Promise.race([
      done.then(() => true),
      this.clock.sleep(Math.max(0, ms), cancelled.signal).then(() => false),
    ]);
    cancelled.abort();
    return isDone;
  }

  #record(version: VersionSpec, from: InstanceState | 'none', to: InstanceState, reason: string): void {
    const { functionName, config } = version;
    const { isolation, runtime } = config;
    this.#options.metrics.record({
      kind: 'instance',
      at: this.clock.now(),
      functionName,
      isolation,
      runtime,
      from,
      to,
      reason,
    });
  }
}

const defaultShape = {
  memoryMb: limits.memoryMb.default,
  cpus: limits.cpus.default,
  maxPids: limits.maxPids.default,
  tmpMb: limits.tmpMb.default,
  egress: 'none',
} as const;

function drainingError(): PlatformError {
  return new PlatformError('unavailable', 'draining', shutdown, { retryAfterSeconds: 5 });
}
