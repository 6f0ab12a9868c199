import { PlatformError } from '../../../shared/errors.ts';
import type { BundleDigest, InstanceId } from '../../../shared/ids.ts';
import type { RunnableBundles } from '../../core/ports/bundle-store.ts';
import type { Clock } from '../../core/ports/clock.ts';
import { FailedStart } from '../../core/ports/instance-pool.ts';
import type { IsolationDriver, PreparedImage } from '../../core/ports/isolation-driver.ts';
import type { LogSink } from '../../core/ports/log-sink.ts';
import type { MetricsSink } from '../../core/ports/metrics-sink.ts';
import type { OpenedSecrets, SecretSource } from '../../core/ports/secrets.ts';
import type { SnapshotName } from '../../core/ports/snapshot-driver.ts';
import type { VersionSpec } from '../../core/version.ts';
import type { OfferAhead } from '../protocol/connection-options.ts';
import type { BootedSandbox, SandboxOwner } from './booted-sandbox.ts';
import type { GenericSandboxes } from './generic-sandboxes.ts';
import type { HostCapacity, Reservation } from './host-capacity.ts';
import { containerImageOf } from './image-version.ts';
import { InstanceLogs } from './instance-logs.ts';
import { packetRefusals } from './packet-refusals.ts';
import { type InstanceOwner, PooledInstance } from './pooled-instance.ts';
import { redactStartError } from './redact-errors.ts';
import { type SandboxMaker, startError } from './sandbox-maker.ts';
import { shapeOfVersion } from './sandbox-shape.ts';
import type { SnapshotBook } from './snapshot-book.ts';
import type { StartSteps } from './start-steps.ts';

export interface InstanceStarterOptions {
  readonly maker: SandboxMaker;
  readonly generic: GenericSandboxes;
  readonly bundles: RunnableBundles;
  readonly capacity: HostCapacity;
  readonly logs: LogSink;
  /** Takes what instances may not reach. */
  readonly metrics: Pick<MetricsSink, 'record'>;
  readonly secrets: SecretSource;
  readonly snapshots: SnapshotBook;
  readonly clock: Clock;
  readonly maxLogBytesPerInvocation: number;
}

const maxImages = 512;

/** What a start begins with: a pre-warmed sandbox, a copy that stands still, or room for a new one, which may be a copy from a snapshot. */
export type StartFrom = FreshStart | { readonly paused: BootedSandbox; readonly snapshot: SnapshotName };

type FreshStart =
  | { readonly preWarmed: BootedSandbox }
  | { readonly reservation: Reservation; readonly snapshot?: SnapshotName | undefined };

export interface InstanceStart {
  readonly id: InstanceId;
  readonly version: VersionSpec;
  readonly from: StartFrom;
  readonly owner: InstanceOwner;
  readonly signal: AbortSignal;
  /** Takes the time of each step. */
  readonly steps: StartSteps;
  /** Asked for the call that travels behind INIT. */
  readonly ahead: OfferAhead;
}

/** Turns a version into an instance: sandbox, files, INIT, READY, with the time that each step took. */
export class InstanceStarter {
  readonly #options: InstanceStarterOptions;
  /** By driver and digest, so that a start does not check the bundle again. Forgotten when a start fails. */
  readonly #images = new Map<string, PreparedImage>();
  /** Bundles of versions that have not been started yet, by runtime and digest: reading one takes a quarter of a start from a pre-warmed sandbox. */
  readonly #opened = new Map<string, Promise<PreparedImage>>();

  constructor(options: InstanceStarterOptions) {
    this.#options = options;
    options.bundles.onCompiled((digest) => this.#forget(digest));
  }

  /** Opens the bundle of a version whose first start may come. One that cannot be opened is a matter of that start. */
  expect(version: VersionSpec): void {
    const { digest, config } = version;
    const key = openedKey(version);
    if (config.runtime === 'image' || this.#opened.has(key) || this.#images.has(imageKey(version))) return;
    const opened = this.#options.bundles.openToRun(digest, config.runtime);
    remember(this.#opened, key, opened);
    opened.catch(() => this.#opened.delete(key));
  }

  /** Rejects with `FailedStart`, with nothing left behind. Uses up what it is given in any case. */
  async start(start: InstanceStart): Promise<PooledInstance> {
    try {
      return await this.#start(start);
    } catch (error) {
      throw new FailedStart(startError(error), start.steps.phases());
    }
  }

  async #start(start: InstanceStart): Promise<PooledInstance> {
    const { id, version, from, owner, signal, steps } = start;
    const { clock } = this.#options;
    const body = await this.#body(version, from, signal, steps).catch((error: unknown) => {
      this.#images.delete(imageKey(version));
      this.#opened.delete(openedKey(version));
      throw error;
    });
    const load = async () => await this.#load(start, body);
    const { logs, redact, hasCall } = await (body.restored === 'version' ? load() : steps.time('initMs', load));
    await this.#options.snapshots.take(version, body, signal);
    // What a snapshot broke is no fault of the version's; where a call came along there was none.
    if (body.isLost && !hasCall) return await this.#start({ ...start, from: { reservation: this.#reserve(version) } });
    const instance = new PooledInstance({
      id,
      version,
      body,
      start: body.origin,
      phases: steps.phases(),
      createdAt: clock.now(),
      readyMs: clock.monotonic(),
      logs,
      redact,
      owner,
    });
    body.owner = instance;
    return instance;
  }

  /** INIT with the values of its secrets as they are now; a copy from a snapshot was loaded with them before. */
  async #load({ version, id, signal, ahead }: InstanceStart, sandbox: BootedSandbox) {
    let redact: OpenedSecrets['redact'] = (text) => text;
    let hasCall = false;
    try {
      const secrets = this.#options.secrets.open(version);
      redact = secrets.redact;
      const logs = this.#logsOf(version, id, redact);
      sandbox.owner = initOwner(logs);
      const { metrics, clock } = this.#options;
      sandbox.sandbox.onRefused?.(packetRefusals({ version, logs, metrics, clock }));
      // A snapshot is taken before the first call.
      const offer: OfferAhead = (send) =>
        ahead((call) => {
          const sent = send(call);
          hasCall = sent !== undefined;
          return sent;
        });
      const mayTake = this.#options.snapshots.mayTake(version);
      if (sandbox.restored !== 'version')
        await sandbox.link.init(version, secrets, signal, mayTake ? undefined : offer);
      // READY and the end of a process can be read in one turn; with a call behind INIT it is that call's end.
      if (sandbox.isLost && !hasCall)
        throw new PlatformError('function_error', 'init_failed', 'the process ended while it started');
      return { logs, redact, hasCall };
    } catch (error) {
      sandbox.destroy('its version did not start');
      throw redactStartError(error, redact);
    }
  }

  /** A copy that runs and has no call. Rejects with nothing left behind; uses up the reservation in any case. */
  async restoreAhead(
    version: VersionSpec,
    snapshot: SnapshotName,
    reservation: Reservation,
    signal: AbortSignal,
  ): Promise<BootedSandbox> {
    const image = await this.#image(version, { reservation }, signal);
    try {
      return await this.#options.maker.make(shapeOfVersion(version), image, signal, reservation, snapshot);
    } catch (error) {
      if (!signal.aborted) this.#options.snapshots.failed(version, error);
      throw error;
    }
  }

  async #body(version: VersionSpec, from: StartFrom, signal: AbortSignal, steps: StartSteps): Promise<BootedSandbox> {
    if ('paused' in from) {
      const { paused, snapshot } = from;
      if (await steps.time('bootMs', async () => await goesOn(paused))) return paused;
      return await this.#body(version, { reservation: this.#reserve(version), snapshot }, signal, steps);
    }
    const image = await steps.time('loadMs', async () => await this.#image(version, from, signal));
    if ('preWarmed' in from) {
      const { preWarmed } = from;
      const specialise = async () => await this.#specialise(preWarmed, image, signal);
      if (await steps.time('loadMs', specialise)) return preWarmed;
    }
    return await steps.time(
      'bootMs',
      async () =>
        (await this.#restore(version, from, image, signal)) ?? (await this.#boot(version, from, image, signal)),
    );
  }

  async #boot(version: VersionSpec, from: FreshStart, image: PreparedImage, signal: AbortSignal) {
    const isUsed = !('reservation' in from) || from.snapshot !== undefined;
    const reservation = isUsed ? this.#reserve(version) : from.reservation;
    const { generic } = this.#options;
    const shape = shapeOfVersion(version);
    if (image.container === undefined && generic.areCopied(shape)) {
      const { sandbox, isCopy } = await generic.make(shape, signal, reservation);
      sandbox.origin = isCopy ? 'restored' : 'cold';
      if (await this.#specialise(sandbox, image, signal)) return sandbox;
      await sandbox.exited;
      return await this.#options.maker.make(shape, image, signal, this.#reserve(version));
    }
    return await this.#options.maker.make(shape, image, signal, reservation);
  }

  /** Undefined: there is no snapshot, or none that works, and a fresh sandbox should be tried. */
  async #restore(version: VersionSpec, from: FreshStart, image: PreparedImage, signal: AbortSignal) {
    if (!('reservation' in from) || from.snapshot === undefined) return undefined;
    const { maker, snapshots } = this.#options;
    try {
      return await maker.make(shapeOfVersion(version), image, signal, from.reservation, from.snapshot);
    } catch (error) {
      if (signal.aborted) throw error;
      snapshots.failed(version, error);
      return undefined;
    }
  }

  #reserve(version: VersionSpec): Reservation {
    return this.#options.capacity.reserve(version.config.memoryMb, 'instance');
  }

  /** The version's files in the driver's form. When they cannot be had, what the start began with is given back. */
  async #image(version: VersionSpec, from: FreshStart, signal: AbortSignal): Promise<PreparedImage> {
    try {
      const driver = this.#options.maker.driver(version.config.isolation);
      const container = containerImageOf(version, this.#options.secrets);
      if (container !== undefined) return await driver.prepare(container, signal);
      const key = imageKey(version);
      const known = this.#images.get(key);
      if (known !== undefined) return known;
      const image = await this.#prepared(driver, version, signal);
      remember(this.#images, key, image);
      this.#opened.delete(openedKey(version));
      return image;
    } catch (error) {
      if ('reservation' in from) from.reservation.release();
      else from.preWarmed.destroy('the files of its version could not be opened');
      throw error;
    }
  }

  async #prepared(driver: IsolationDriver, version: VersionSpec, signal: AbortSignal): Promise<PreparedImage> {
    const { digest, config } = version;
    const opened = this.#opened.get(openedKey(version)) ?? this.#options.bundles.openToRun(digest, config.runtime);
    return await driver.prepare(await opened, signal);
  }

  #forget(digest: BundleDigest): void {
    for (const known of [this.#images, this.#opened]) {
      for (const key of known.keys()) if (key.endsWith(` ${digest}`)) known.delete(key);
    }
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

const imageKey = ({ config, digest }: VersionSpec): string => `${config.isolation} ${digest}`;
const openedKey = ({ config, digest }: VersionSpec): string => `${config.runtime} ${digest}`;

/** In place of the oldest, where there are many. */
function remember<T>(known: Map<string, T>, key: string, value: T): void {
  const [oldest] = known.keys();
  if (known.size >= maxImages && oldest !== undefined) known.delete(oldest);
  known.set(key, value);
}

/** False: it is gone with its room, and a fresh copy should be tried. */
async function goesOn(copy: BootedSandbox): Promise<boolean> {
  try {
    await copy.sandbox.resume();
    return !copy.isLost;
  } catch {
    copy.destroy('it did not go on');
    await copy.exited;
    return false;
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
