import { PlatformError } from '../../shared/errors.ts';
import { newId } from '../../shared/ids.ts';
import type { IsolationLevel, RuntimeName } from '../../shared/version-config.ts';
import { entryTimes } from '../core/entry-times.ts';
import type { Invocation, ResponseSink } from '../core/invocation.ts';
import { unwatched } from '../core/ports/build-watcher.ts';
import type { BundleBuilder } from '../core/ports/bundle-builder.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { InstancePool, Lease } from '../core/ports/instance-pool.ts';
import type { LevelCosts } from '../core/ports/level-costs.ts';
import type { VersionSpec } from '../core/version.ts';
import { ChangeLock } from '../util/change-lock.ts';
import type { BundleGate } from './bundle-gate.ts';
import type { HostInventory } from './host-inventory.ts';
import { resolveConfig } from './version-config.ts';

export interface LevelMeasurementOptions {
  readonly inventory: Pick<HostInventory, 'drivers' | 'runtimes' | 'check' | 'defaultIsolation'>;
  readonly builder: BundleBuilder;
  readonly gate: Pick<BundleGate, 'deploy' | 'requestPrune'>;
  readonly pool: Pick<InstancePool, 'acquire' | 'tryAcquire' | 'retireVersion' | 'pools' | 'preWarmed'>;
  readonly costs: LevelCosts;
  readonly clock: Clock;
}

type EchoRuntime = 'nodejs' | 'python';
const echoes: Readonly<Record<EchoRuntime, Readonly<Record<string, string>>>> = {
  nodejs: { 'index.mjs': 'export const handler = async (event) => event;\n' },
  python: { 'main.py': 'def handler(event, context):\n    return event\n' },
};
const handlers: Readonly<Record<EchoRuntime, string>> = { nodejs: 'index.handler', python: 'main.handler' };

/** As no function can be called: the name has no place among functions, and belongs to no project. */
const echoName = '~hearth/echo';
const warmCalls = 10;
/** How long the memory of the idle instance, and a sandbox that waits, are waited for. */
const patienceMs = 10_000;
const lookMs = 100;
/** Added to the memory limit, so that no sandbox that waits has this shape and one has to be booted. */
const otherShapeMb = 16;

const noSink: ResponseSink = { head: () => undefined, chunk: () => undefined };

/** Finds out what an isolation level costs on this host, with a small echo that the platform runs itself and no list shows. */
export class LevelMeasurement {
  readonly #options: LevelMeasurementOptions;
  /** One at a time: two would measure each other. */
  readonly #lock = new ChangeLock();

  constructor(options: LevelMeasurementOptions) {
    this.#options = options;
  }

  /**
   * Starts the echo from a sandbox that is booted, and from one that waits where the level has those, calls it, and adds what that took to the
   * costs of the level. Rejects with `unprocessable` when this host cannot give the level (with reason and fix), with what the pool says when
   * the echo does not start, and when the signal aborts.
   */
  measure(level: IsolationLevel, signal: AbortSignal): Promise<void> {
    const { gate } = this.#options;
    return this.#lock.run(async () => {
      try {
        signal.throwIfAborted();
        await gate.deploy(() => this.#measure(level, signal));
      } catch (error) {
        if (!signal.aborted) throw error;
        const message = `measuring ${level} took too long and was given up; try again when this host is less busy`;
        throw new PlatformError('unavailable', 'start_timeout', message);
      } finally {
        gate.requestPrune();
      }
    });
  }

  async #measure(level: IsolationLevel, signal: AbortSignal): Promise<void> {
    const { inventory, builder } = this.#options;
    const runtime = this.#runtimeFor(level);
    // A snapshot of the echo itself would be of no use to anybody.
    const input = { runtime, handler: handlers[runtime], isolation: level, snapshots: false } as const;
    const { config } = resolveConfig(input, undefined, inventory.defaultIsolation);
    await inventory.check(config, new Set(['isolation']));
    const { image } = await builder.build({ kind: 'inline', files: echoes[runtime] }, config, unwatched, signal);
    const spec = (memoryMb: number): VersionSpec => ({
      versionId: newId('version'),
      functionId: newId('function'),
      functionName: echoName,
      version: 1,
      digest: image.digest,
      config: { ...config, memoryMb },
    });
    const first = await this.#try(spec(config.memoryMb), signal);
    if (first !== 'cold') await this.#try(spec(config.memoryMb + otherShapeMb), signal);
    else if (await this.#waitsFor(() => this.#isStocked(level, runtime), signal)) {
      await this.#try(spec(config.memoryMb), signal);
    }
  }

  /** One instance of the echo from its start to its end; resolves with how it was started. */
  async #try(version: VersionSpec, signal: AbortSignal): Promise<Lease['start']> {
    const { pool, costs } = this.#options;
    const level = version.config.isolation;
    try {
      const lease = await pool.acquire(version, signal);
      const { bootMs, loadMs, initMs } = lease.phases;
      await this.#call(version, lease);
      costs.addStart(level, lease.start, bootMs + loadMs + initMs);
      for (let count = 0; count < warmCalls; count++) {
        const warm = pool.tryAcquire(version);
        if (warm === undefined) break;
        costs.addWarmCall(level, await this.#call(version, warm));
      }
      await this.#waitsFor(() => {
        const bytes = this.#idleBytes(version);
        if (bytes > 0) costs.setIdleMemory(level, bytes);
        return bytes > 0;
      }, signal);
      return lease.start;
    } finally {
      await pool.retireVersion(version.versionId, 'measured');
    }
  }

  /** Resolves with what the call took, ms. */
  async #call(version: VersionSpec, lease: Lease): Promise<number> {
    const { clock } = this.#options;
    const startedMs = clock.monotonic();
    const { outcome } = await lease.instance.invoke({
      invocation: this.#invocation(version),
      sink: noSink,
      signal: new AbortController().signal,
    });
    const tookMs = clock.monotonic() - startedMs;
    lease.release(outcome.kind === 'success' ? 'healthy' : 'broken');
    if (outcome.kind === 'success') return tookMs;
    throw new PlatformError('unavailable', 'start_failed', `the echo ended with ${outcome.kind} and measures nothing`);
  }

  #invocation(version: VersionSpec): Invocation {
    const times = entryTimes(this.#options.clock);
    return {
      id: newId('invocation', times.acceptedAt),
      version,
      qualifier: '1',
      trigger: 'api',
      request: { kind: 'event', body: Buffer.from('{"echo":true}') },
      ...times,
      deadlineAt: times.acceptedAt + version.config.timeoutMs,
      attempt: 1,
      traceparent: undefined,
      depth: 0,
      replayOf: undefined,
    };
  }

  #runtimeFor(level: IsolationLevel): EchoRuntime {
    const { inventory } = this.#options;
    const driver = inventory.drivers().find((finding) => finding.driver.name === level)?.driver;
    const canRun = (runtime: RuntimeName) =>
      driver?.capabilities.cannotRun?.has(runtime) !== true &&
      inventory.runtimes().some(({ name, health }) => name === runtime && health.status === 'available');
    return canRun('nodejs') || !canRun('python') ? 'nodejs' : 'python';
  }

  #isStocked(level: IsolationLevel, runtime: RuntimeName): boolean {
    const isOurs = (stock: { readonly runtime: string; readonly isolation: string; readonly count: number }) =>
      stock.runtime === runtime && stock.isolation === level && stock.count > 0;
    return this.#options.pool.preWarmed().some(isOurs);
  }

  #idleBytes({ versionId }: VersionSpec): number {
    const view = this.#options.pool.pools().find(({ version }) => version.versionId === versionId);
    return view?.instances.find(({ state }) => state === 'idle')?.usage.memoryBytes ?? 0;
  }

  /** False when it did not come in time. */
  async #waitsFor(isThere: () => boolean, signal: AbortSignal): Promise<boolean> {
    const { clock } = this.#options;
    for (let waited = 0; waited < patienceMs; waited += lookMs) {
      if (isThere()) return true;
      await clock.sleep(lookMs, signal);
      signal.throwIfAborted();
    }
    return false;
  }
}
