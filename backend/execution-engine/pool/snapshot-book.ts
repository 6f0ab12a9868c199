import { createHash } from 'node:crypto';
import type { Clock } from '../../core/ports/clock.ts';
import type { DriverName, IsolationDriver } from '../../core/ports/isolation-driver.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { RuntimePlan } from '../../core/ports/runtime-adapter.ts';
import type { SecretSource } from '../../core/ports/secrets.ts';
import {
  type SnapshotDriver,
  type SnapshotName,
  type SnapshotSubject,
  supportsSnapshots,
} from '../../core/ports/snapshot-driver.ts';
import type { VersionSpec } from '../../core/version.ts';
import type { BootedSandbox } from './booted-sandbox.ts';
import type { SandboxShape } from './sandbox-shape.ts';

/** `without-secrets`: no snapshots of versions that use secrets, which are encrypted at rest everywhere else. */
export type SnapshotMode = 'off' | 'without-secrets' | 'all';

export interface SnapshotBookOptions {
  readonly drivers: ReadonlyMap<DriverName, IsolationDriver>;
  readonly mode: SnapshotMode;
  readonly secrets: SecretSource;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What starts an instance anew inside, after a restore: nothing in a program of the user's own would. */
const runtimesThatReseed: readonly string[] = ['nodejs', 'python'];
/** A version whose snapshot failed boots for so long. */
const pauseMs = 600_000;

/** Which versions have a snapshot, or get one with their first good start. Everything that fails here means a boot. */
export class SnapshotBook {
  readonly #options: SnapshotBookOptions;
  /** Clock.monotonic() until which what it is of only boots. */
  readonly #pausedUntil = new Map<SnapshotSubject, number>();
  /** Of which one is being taken. */
  readonly #taking = new Set<SnapshotSubject>();

  constructor(options: SnapshotBookOptions) {
    this.#options = options;
  }

  /** The snapshot to start this version from, if there is one. */
  find(version: VersionSpec): SnapshotName | undefined {
    const driver = this.#driver(version);
    const name = driver === undefined ? undefined : this.#name(version);
    return name !== undefined && driver?.hasSnapshot(name) === true ? name : undefined;
  }

  /** The same where a copy can be restored ahead and stand still until a call comes. */
  findToPause(version: VersionSpec): SnapshotName | undefined {
    return this.#driver(version)?.capabilities.pause === true ? this.find(version) : undefined;
  }

  /** One of this version may be taken, or is there. */
  mayTake(version: VersionSpec): boolean {
    return this.#driver(version) !== undefined;
  }

  /**
   * Takes one of an instance that is ready and has had no call, unless there is one; the call that waits for the instance waits a little longer. Never
   * rejects; the sandbox may be lost then.
   */
  async take(version: VersionSpec, body: BootedSandbox, signal: AbortSignal): Promise<void> {
    const driver = this.#driver(version);
    // A copy that has loaded its version is one of a snapshot.
    if (driver === undefined || body.isLost || body.restored === 'version') return;
    const name = this.#name(version);
    if (name !== undefined) await this.#take(driver, name, body, signal, version.functionName);
  }

  /** The snapshot of sandboxes of this shape without a version, whether there is one or not; undefined where none is taken. */
  ofShape(shape: SandboxShape, plan: () => RuntimePlan): SnapshotName | undefined {
    // Asked at every cold start, most of them of drivers that make no copies.
    if (this.#copierOf(shape) === undefined) return undefined;
    const subject: SnapshotSubject = `shape_${hashOf([shape.key]).slice(0, 24)}`;
    if (this.#isPaused(subject)) return undefined;
    const { argv, env } = plan();
    return { versionId: subject, loadedWith: hashOf([shape.key, argv, env]) };
  }

  hasOfShape(shape: SandboxShape, name: SnapshotName): boolean {
    return this.#copierOf(shape)?.hasSnapshot(name) === true;
  }

  /** Takes one of a sandbox that has no version yet, unless there is one. Never rejects; the sandbox may be lost then. */
  async takeOfShape(shape: SandboxShape, name: SnapshotName, body: BootedSandbox, signal: AbortSignal): Promise<void> {
    const driver = this.#copierOf(shape);
    if (driver !== undefined && !body.isLost) await this.#take(driver, name, body, signal, shape.key);
  }

  /** One could not be taken, or not be restored. */
  failed({ versionId, functionName }: VersionSpec, err: unknown): void {
    this.#failed(versionId, functionName, err);
  }

  failedOfShape(shape: SandboxShape, { versionId }: SnapshotName, err: unknown): void {
    this.#failed(versionId, shape.key, err);
  }

  /** Of a version that went, or whose secrets changed. Does not wait. */
  drop(versionId: SnapshotSubject): void {
    for (const driver of this.#options.drivers.values()) {
      if (!supportsSnapshots(driver)) continue;
      driver.dropSnapshot(versionId).catch((err: unknown) => {
        this.#options.logger.warn({ err, versionId }, 'a snapshot could not be removed');
      });
    }
  }

  /** `label` says in the log whose it is. */
  async #take(
    driver: SnapshotDriver,
    name: SnapshotName,
    body: BootedSandbox,
    signal: AbortSignal,
    label: string,
  ): Promise<void> {
    const { versionId: subject } = name;
    if (this.#taking.has(subject) || driver.hasSnapshot(name)) return;
    this.#taking.add(subject);
    try {
      await driver
        .snapshot(body.sandbox, name, () => body.link.beforeSnapshot(signal), signal)
        .catch((error: unknown) => this.#failed(subject, label, error));
      await body.link.afterRestore(signal);
    } catch (error) {
      this.#failed(subject, label, error);
      body.destroy('it did not go on after its snapshot');
    } finally {
      this.#taking.delete(subject);
    }
  }

  #failed(subject: SnapshotSubject, label: string, err: unknown): void {
    this.#pausedUntil.set(subject, this.#options.clock.monotonic() + pauseMs);
    this.#options.logger.warn({ err, of: label, subject }, 'a snapshot failed; what it is of is booted');
    this.drop(subject);
  }

  /** The driver of a shape of which copies without a version can be made. */
  #copierOf({ driver: name, runtime }: SandboxShape): SnapshotDriver | undefined {
    const { mode, drivers } = this.#options;
    if (mode === 'off' || !runtimesThatReseed.includes(runtime)) return undefined;
    const driver = drivers.get(name);
    const canCopy = driver?.capabilities.copiesRuntimes === true && driver.capabilities.specialise;
    return driver !== undefined && canCopy && supportsSnapshots(driver) ? driver : undefined;
  }

  #driver(version: VersionSpec): SnapshotDriver | undefined {
    const { isolation, runtime, secrets, egress, snapshots } = version.config;
    const { mode, drivers } = this.#options;
    if (mode === 'off' || !snapshots || (mode === 'without-secrets' && secrets.length > 0)) return undefined;
    // What the function connected to while it was loaded would be dead in every copy.
    if (!runtimesThatReseed.includes(runtime) || egress !== 'none') return undefined;
    if (this.#isPaused(version.versionId)) return undefined;
    const driver = drivers.get(isolation);
    return driver !== undefined && supportsSnapshots(driver) ? driver : undefined;
  }

  #isPaused(subject: SnapshotSubject): boolean {
    const until = this.#pausedUntil.get(subject);
    if (until === undefined) return false;
    if (this.#options.clock.monotonic() < until) return true;
    this.#pausedUntil.delete(subject);
    return false;
  }

  /** All that INIT says, and the files, as a hash: what goes into it may be secret. Undefined while a secret cannot be had. */
  #name(version: VersionSpec): SnapshotName | undefined {
    const { versionId, digest, config, functionName, version: number } = version;
    try {
      const { env } = this.#options.secrets.open(version);
      return { versionId, loadedWith: hashOf([digest, functionName, number, config, env]) };
    } catch {
      return undefined;
    }
  }
}

function hashOf(parts: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}
