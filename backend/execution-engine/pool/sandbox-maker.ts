import { PlatformError } from '../../../shared/errors.ts';
import { newId } from '../../../shared/ids.ts';
import type { RuntimeName } from '../../../shared/version-config.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type {
  DriverHealth,
  DriverName,
  IsolationDriver,
  PreparedImage,
  SandboxSpec,
} from '../../core/ports/isolation-driver.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { RuntimeAdapter, RuntimePlan } from '../../core/ports/runtime-adapter.ts';
import type { Sandbox } from '../../core/ports/sandbox.ts';
import { type SnapshotName, supportsSnapshots } from '../../core/ports/snapshot-driver.ts';
import type { SandboxStore } from '../../core/ports/store.ts';
import { guardSandbox } from '../guarded-sandbox.ts';
import type { OpenAgentLink } from './agent-link.ts';
import { BootedSandbox, type Restored } from './booted-sandbox.ts';
import type { Reservation } from './host-capacity.ts';
import type { SandboxShape } from './sandbox-shape.ts';

export interface SandboxMakerOptions {
  readonly drivers: ReadonlyMap<DriverName, IsolationDriver>;
  readonly driverHealth: (name: DriverName) => DriverHealth;
  readonly adapters: ReadonlyMap<RuntimeName, RuntimeAdapter>;
  readonly sandboxes: SandboxStore;
  readonly openLink: OpenAgentLink;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly bootTimeoutMs: number;
  readonly exitWaitMs: number;
}

/** Makes sandboxes whose agent answers, and keeps the store's list of sandboxes up to date behind the scenes. */
export class SandboxMaker {
  readonly #options: SandboxMakerOptions;

  constructor(options: SandboxMakerOptions) {
    this.#options = options;
  }

  /** The driver if this host can use it. Throws `unavailable` / `driver_unhealthy` with the reason and the fix. */
  driver(name: DriverName): IsolationDriver {
    const driver = this.#options.drivers.get(name);
    if (driver === undefined) {
      throw new PlatformError('unavailable', 'driver_unhealthy', `isolation level ${name} is not offered on this host`);
    }
    const health = this.#options.driverHealth(name);
    if (health.status !== 'healthy') {
      const message = `isolation level ${name} does not work on this host: ${health.reason}. ${health.fix}`;
      throw new PlatformError('unavailable', 'driver_unhealthy', message, { retryAfterSeconds: 30 });
    }
    return driver;
  }

  /** A generic sandbox of this shape can be made here and turned into an instance later. */
  canPreWarm(shape: SandboxShape): boolean {
    const driver = this.#options.drivers.get(shape.driver);
    // The program of an image is what a sandbox begins with.
    if (driver === undefined || !driver.capabilities.specialise || shape.runtime === 'image') return false;
    return this.#options.driverHealth(shape.driver).status === 'healthy' && this.#options.adapters.has(shape.runtime);
  }

  /** How a sandbox of this shape without a version is started. */
  planOf(shape: SandboxShape): RuntimePlan {
    return this.#plan(shape, undefined).spec.plan;
  }

  /** With a snapshot it is a copy, which has loaded its version if there is an image. Rejects with nothing left behind. The reservation ends with the sandbox, or at once when there never was one. */
  async make(
    shape: SandboxShape,
    image: PreparedImage | undefined,
    signal: AbortSignal,
    reservation: Reservation,
    snapshot?: SnapshotName,
  ): Promise<BootedSandbox> {
    const { clock, logger, bootTimeoutMs, exitWaitMs, openLink } = this.#options;
    let isMade = false;
    const giveUp = new AbortController();
    const onAbort = () => giveUp.abort(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    const cancelTimer = clock.after(bootTimeoutMs, () => giveUp.abort(startTimeout(bootTimeoutMs)));
    try {
      const { driver, spec } = this.#plan(shape, image);
      const inner = await createOrRestore(driver, spec, snapshot, giveUp.signal);
      isMade = true;
      const sandbox = guardSandbox(inner, () => undefined);
      this.#keepRecord(sandbox);
      const options = { sandbox, reservation, clock, logger, exitWaitMs, restored: restoredOf(snapshot, image) };
      const booted = await BootedSandbox.open(options, openLink, giveUp.signal);
      if (snapshot !== undefined) booted.origin = 'restored';
      if (image === undefined) booted.origin = spec.plan.preloadsModules === true ? 'preloaded' : 'pre-warmed';
      return booted;
    } finally {
      if (!isMade) reservation.release();
      cancelTimer();
      signal.removeEventListener('abort', onAbort);
    }
  }

  #plan(shape: SandboxShape, image: PreparedImage | undefined) {
    const driver = this.driver(shape.driver);
    const adapter = this.#options.adapters.get(shape.runtime);
    if (adapter === undefined) {
      throw new PlatformError('unavailable', 'runtime_missing', `runtime ${shape.runtime} is not offered on this host`);
    }
    const plan = adapter.plan(shape.limits, image === undefined);
    const spec = { id: newId('sandbox'), plan, limits: shape.limits, image };
    return { driver, spec };
  }

  /** Never waited for: a lost record only makes the next sweep look a little longer. */
  #keepRecord(sandbox: Sandbox): void {
    const { sandboxes, clock, logger } = this.#options;
    const fail = (error: unknown) =>
      logger.warn({ err: error, sandboxId: sandbox.id }, 'could not update the record of sandboxes');
    const stored = sandboxes.put(sandbox.handle, clock.now()).catch(fail);
    const remove = () => stored.then(() => sandboxes.remove(sandbox.id)).catch(fail);
    sandbox.exited.then(remove, remove);
  }
}

function restoredOf(snapshot: SnapshotName | undefined, image: PreparedImage | undefined): Restored {
  if (snapshot === undefined) return undefined;
  return image === undefined ? 'runtime' : 'version';
}

async function createOrRestore(
  driver: IsolationDriver,
  spec: SandboxSpec,
  snapshot: SnapshotName | undefined,
  signal: AbortSignal,
): Promise<Sandbox> {
  if (snapshot === undefined || !supportsSnapshots(driver)) return await driver.create(spec, signal);
  return await driver.restore(snapshot, spec, signal);
}

function startTimeout(bootTimeoutMs: number): PlatformError {
  return new PlatformError('unavailable', 'start_timeout', `a sandbox did not start within ${bootTimeoutMs} ms`);
}

/** What `acquire` may reject with because of a start; anything else (a bundle that is gone, a bug) is no news for callers. */
const startErrorKinds: readonly string[] = ['function_error', 'unavailable', 'unprocessable'];

/** Any failure on the way to an instance, as the PlatformError that `acquire` documents. */
export function startError(error: unknown): PlatformError {
  if (error instanceof PlatformError && startErrorKinds.includes(error.kind)) return error;
  const message = 'an instance could not be started; the platform log says why';
  return new PlatformError('unavailable', 'start_failed', message, { cause: error });
}
