import { createHash } from 'node:crypto';
import type { VersionId } from '../../../shared/ids.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { DriverName, IsolationDriver } from '../../core/ports/isolation-driver.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { SecretSource } from '../../core/ports/secrets.ts';
import { type SnapshotDriver, type SnapshotName, supportsSnapshots } from '../../core/ports/snapshot-driver.ts';
import type { VersionSpec } from '../../core/version.ts';
import type { BootedSandbox } from './booted-sandbox.ts';

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
  /** Clock.monotonic() until which a version only boots. */
  readonly #pausedUntil = new Map<VersionId, number>();
  /** Versions of which one is being taken. */
  readonly #taking = new Set<VersionId>();

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

  /**
   * Takes one of an instance that is ready and has had no call, unless there is one; the call that waits for the instance waits a little longer. Never
   * rejects; the sandbox may be lost then.
   */
  async take(version: VersionSpec, body: BootedSandbox, signal: AbortSignal): Promise<void> {
    const driver = this.#driver(version);
    const { versionId } = version;
    if (driver === undefined || this.#taking.has(versionId) || body.isLost || body.origin === 'restored') return;
    const name = this.#name(version);
    if (name === undefined || driver.hasSnapshot(name)) return;
    this.#taking.add(versionId);
    try {
      await driver
        .snapshot(body.sandbox, name, () => body.link.beforeSnapshot(signal), signal)
        .catch((error: unknown) => this.failed(version, error));
      await body.link.afterRestore(signal);
    } catch (error) {
      this.failed(version, error);
      body.destroy('it did not go on after its snapshot');
    } finally {
      this.#taking.delete(versionId);
    }
  }

  /** One could not be taken, or not be restored. */
  failed(version: VersionSpec, err: unknown): void {
    const { versionId, functionName } = version;
    this.#pausedUntil.set(versionId, this.#options.clock.monotonic() + pauseMs);
    this.#options.logger.warn({ err, function: functionName, versionId }, 'a snapshot failed; the version is booted');
    this.drop(versionId);
  }

  /** Of a version that went, or whose secrets changed. Does not wait. */
  drop(versionId: VersionId): void {
    for (const driver of this.#options.drivers.values()) {
      if (!supportsSnapshots(driver)) continue;
      driver.dropSnapshot(versionId).catch((err: unknown) => {
        this.#options.logger.warn({ err, versionId }, 'a snapshot could not be removed');
      });
    }
  }

  #driver(version: VersionSpec): SnapshotDriver | undefined {
    const { isolation, runtime, secrets, egress, snapshots } = version.config;
    const { mode, drivers } = this.#options;
    if (mode === 'off' || !snapshots || (mode === 'without-secrets' && secrets.length > 0)) return undefined;
    // What the function connected to while it was loaded would be dead in every copy.
    if (!runtimesThatReseed.includes(runtime) || typeof egress !== 'string') return undefined;
    if (this.#isPaused(version.versionId)) return undefined;
    const driver = drivers.get(isolation);
    return driver !== undefined && supportsSnapshots(driver) ? driver : undefined;
  }

  #isPaused(versionId: VersionId): boolean {
    const until = this.#pausedUntil.get(versionId);
    if (until === undefined) return false;
    if (this.#options.clock.monotonic() < until) return true;
    this.#pausedUntil.delete(versionId);
    return false;
  }

  /** All that INIT says, and the files, as a hash: what goes into it may be secret. Undefined while a secret cannot be had. */
  #name(version: VersionSpec): SnapshotName | undefined {
    const { versionId, digest, config, functionName, version: number } = version;
    try {
      const { env } = this.#options.secrets.open(version);
      const parts = JSON.stringify([digest, functionName, number, config, env]);
      return { versionId, loadedWith: createHash('sha256').update(parts).digest('hex') };
    } catch {
      return undefined;
    }
  }
}
