import { PlatformError } from '../../../shared/errors.ts';
import type { InstanceId } from '../../../shared/ids.ts';
import type { BundleStore } from '../../core/ports/bundle-store.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { PreparedImage } from '../../core/ports/isolation-driver.ts';
import type { LogSink } from '../../core/ports/log-sink.ts';
import type { OpenedSecrets, SecretSource } from '../../core/ports/secrets.ts';
import type { VersionSpec } from '../../core/version.ts';
import type { BootedSandbox, SandboxOwner } from './booted-sandbox.ts';
import type { HostCapacity, Reservation } from './host-capacity.ts';
import { containerImageOf } from './image-version.ts';
import { InstanceLogs } from './instance-logs.ts';
import { type InstanceOwner, PooledInstance } from './pooled-instance.ts';
import { redactStartError } from './redact-errors.ts';
import type { SandboxMaker } from './sandbox-maker.ts';
import { shapeOfVersion } from './sandbox-shape.ts';

export interface InstanceStarterOptions {
  readonly maker: SandboxMaker;
  readonly bundles: BundleStore;
  readonly capacity: HostCapacity;
  readonly logs: LogSink;
  readonly secrets: SecretSource;
  readonly clock: Clock;
  readonly maxLogBytesPerInvocation: number;
}

const maxImages = 512;

/** What a start begins with: a pre-warmed sandbox, or room for a new one. */
export type StartFrom = { readonly preWarmed: BootedSandbox } | { readonly reservation: Reservation };

export interface InstanceStart {
  readonly id: InstanceId;
  readonly version: VersionSpec;
  readonly from: StartFrom;
  readonly owner: InstanceOwner;
  readonly signal: AbortSignal;
}

/** Turns a version into an instance: sandbox, files, INIT, READY, with the time that each step took. */
export class InstanceStarter {
  readonly #options: InstanceStarterOptions;
  /** By driver and digest, so that a start does not check the bundle again. Forgotten when a start fails. */
  readonly #images = new Map<string, PreparedImage>();

  constructor(options: InstanceStarterOptions) {
    this.#options = options;
  }

  /** Rejects with nothing left behind. Uses up what it is given in any case. */
  async start({ id, version, from, owner, signal }: InstanceStart): Promise<PooledInstance> {
    const { clock } = this.#options;
    const beganMs = clock.monotonic();
    const body = await this.#body(version, from, signal).catch((error: unknown) => {
      this.#images.delete(`${version.config.isolation} ${version.digest}`);
      throw error;
    });
    const loadedMs = clock.monotonic();
    const { logs, redact } = await this.#load(version, id, body.sandbox, signal);
    const readyMs = clock.monotonic();
    const phases = {
      acquireMs: readyMs - beganMs,
      bootMs: body.bootMs,
      loadMs: body.loadMs,
      initMs: readyMs - loadedMs,
    };
    const instance = new PooledInstance({
      id,
      version,
      body: body.sandbox,
      start: body.sandbox.origin,
      phases,
      createdAt: clock.now(),
      readyMs,
      logs,
      redact,
      owner,
    });
    body.sandbox.owner = instance;
    return instance;
  }

  /** INIT with the values of its secrets as they are now. */
  async #load(version: VersionSpec, id: InstanceId, sandbox: BootedSandbox, signal: AbortSignal) {
    let redact: OpenedSecrets['redact'] = (text) => text;
    try {
      const secrets = this.#options.secrets.open(version);
      redact = secrets.redact;
      const logs = this.#logsOf(version, id, redact);
      sandbox.owner = initOwner(logs);
      await sandbox.link.init(version, secrets.env, signal);
      if (sandbox.isLost)
        throw new PlatformError('function_error', 'init_failed', 'the process ended while it started');
      return { logs, redact };
    } catch (error) {
      sandbox.destroy('its version did not start');
      throw redactStartError(error, redact);
    }
  }

  async #body(version: VersionSpec, from: StartFrom, signal: AbortSignal) {
    const { clock } = this.#options;
    const beganMs = clock.monotonic();
    const image = await this.#image(version, from, signal);
    const openedMs = clock.monotonic();
    if ('preWarmed' in from) {
      const specialised = await this.#specialise(from.preWarmed, image, signal);
      if (specialised) {
        return { sandbox: from.preWarmed, bootMs: 0, loadMs: clock.monotonic() - beganMs };
      }
    }
    const reservation =
      'reservation' in from ? from.reservation : this.#options.capacity.tryReserve(version.config.memoryMb);
    if (reservation === undefined) {
      throw new PlatformError('unavailable', 'capacity', 'the host has no room for another instance', {
        retryAfterSeconds: 1,
      });
    }
    const bootedFromMs = clock.monotonic();
    const sandbox = await this.#options.maker.make(shapeOfVersion(version), image, signal, reservation);
    return { sandbox, bootMs: clock.monotonic() - bootedFromMs, loadMs: openedMs - beganMs };
  }

  /** The version's files in the driver's form. When they cannot be had, what the start began with is given back. */
  async #image(version: VersionSpec, from: StartFrom, signal: AbortSignal): Promise<PreparedImage> {
    try {
      const driver = this.#options.maker.driver(version.config.isolation);
      const container = containerImageOf(version, this.#options.secrets);
      if (container !== undefined) return await driver.prepare(container, signal);
      const key = `${driver.name} ${version.digest}`;
      const known = this.#images.get(key);
      if (known !== undefined) return known;
      const image = await driver.prepare(await this.#options.bundles.open(version.digest), signal);
      this.#remember(key, image);
      return image;
    } catch (error) {
      if ('reservation' in from) from.reservation.release();
      else from.preWarmed.destroy('the files of its version could not be opened');
      throw error;
    }
  }

  #remember(key: string, image: PreparedImage): void {
    const [oldest] = this.#images.keys();
    if (this.#images.size >= maxImages && oldest !== undefined) this.#images.delete(oldest);
    this.#images.set(key, image);
  }

  /** False: it is being destroyed, and a fresh sandbox should be tried. */
  async #specialise(sandbox: BootedSandbox, image: PreparedImage, signal: AbortSignal): Promise<boolean> {
    try {
      await sandbox.sandbox.specialise(image, signal);
      return true;
    } catch {
      sandbox.destroy('it could not be specialised');
      return false;
    }
  }

  #logsOf(version: VersionSpec, instanceId: InstanceId, redact: OpenedSecrets['redact']): InstanceLogs {
    const { logs: sink, clock, maxLogBytesPerInvocation: maxBytesPerInvocation } = this.#options;
    return new InstanceLogs({ sink, clock, version, instanceId, maxBytesPerInvocation, redact });
  }
}

/** What a version prints while it loads belongs to its instance already. */
function initOwner(logs: InstanceLogs): SandboxOwner {
  return {
    log: (entry) => logs.append(entry),
    output: (line) => logs.appendRaw(line, undefined),
    freed: () => undefined,
    overdue: () => undefined,
    lost: () => undefined,
  };
}
