import type { VersionId } from '../../../shared/ids.ts';
import { MiB } from '../../../shared/limits.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { SnapshotName } from '../../core/ports/snapshot-driver.ts';
import type { VersionSpec } from '../../core/version.ts';
import type { BootedSandbox, SandboxOwner } from './booted-sandbox.ts';
import type { HostCapacity, Reservation } from './host-capacity.ts';
import { RefillPause } from './refill-pause.ts';

export interface PausedCopiesOptions {
  readonly capacity: HostCapacity;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The snapshot of a version whose copies can be kept paused, if there is one now. */
  readonly find: (version: VersionSpec) => SnapshotName | undefined;
  /** A copy that runs. Rejects with nothing left behind; uses up the reservation in any case. */
  readonly restore: (
    version: VersionSpec,
    snapshot: SnapshotName,
    reservation: Reservation,
    signal: AbortSignal,
  ) => Promise<BootedSandbox>;
  /** Instances that a version has now. */
  readonly liveOf: (versionId: VersionId) => number;
  readonly perVersion: number;
  /** Of all versions together. */
  readonly maxCopies: number;
  /** How long copies of a version without instances are kept. */
  readonly ttlMs: number;
  readonly refillDelayMs: number;
  /** A copy may be wanted now. */
  readonly onWanted: () => void;
}

interface Shelf {
  readonly version: VersionSpec;
  readonly ready: { readonly sandbox: BootedSandbox; readonly snapshot: SnapshotName }[];
  restoring: number;
  lastUsedMs: number;
  readonly pause: RefillPause;
}

/** What is known of the paused copies of one version. */
export interface PausedCopiesView {
  readonly count: number;
  /** What they are counted with. */
  readonly memoryMb: number;
}

const retryBackoff = { minMs: 1000, maxMs: 60_000 };

/**
 * Copies of versions with a snapshot that were restored ahead of calls and stand still: a start takes one and lets it go on. Each has a reservation for what it
 * really takes while it stands still, which grows to the version's memory when it is taken.
 */
export class PausedCopies {
  readonly #options: PausedCopiesOptions;
  readonly #shelves = new Map<VersionId, Shelf>();
  #count = 0;

  constructor(options: PausedCopiesOptions) {
    this.#options = options;
  }

  /** An instance of this version has started: another may be needed soon. */
  used(version: VersionSpec): void {
    if (this.#options.perVersion === 0 || this.#options.find(version) === undefined) return;
    let shelf = this.#shelves.get(version.versionId);
    if (shelf === undefined) {
      const { clock, onWanted } = this.#options;
      const pause = new RefillPause({ clock, backoff: retryBackoff, onOver: onWanted });
      shelf = { version, ready: [], restoring: 0, lastUsedMs: 0, pause };
      this.#shelves.set(version.versionId, shelf);
    }
    shelf.lastUsedMs = this.#options.clock.monotonic();
    shelf.pause.extend(this.#options.refillDelayMs);
  }

  /** One of this snapshot, with room for all of its memory; it stands still. Undefined when there is none, or no room (`memoryOf` says which). */
  take({ versionId, config }: VersionSpec, snapshot: SnapshotName): BootedSandbox | undefined {
    const shelf = this.#shelves.get(versionId);
    const at = shelf?.ready.findIndex((copy) => copy.snapshot.loadedWith === snapshot.loadedWith) ?? -1;
    const sandbox = shelf?.ready[at]?.sandbox;
    if (shelf === undefined || sandbox?.resize(config.memoryMb) !== true) return undefined;
    shelf.ready.splice(at, 1);
    this.#count--;
    sandbox.owner = undefined;
    shelf.pause.extend(this.#options.refillDelayMs);
    return sandbox;
  }

  /** What a copy of this version that stands still is counted with; undefined when there is none. */
  memoryOf(versionId: VersionId): number | undefined {
    return this.#shelves.get(versionId)?.ready[0]?.sandbox.memoryMb;
  }

  /** Restores one copy that is missing, if one is and there is room without evicting anything; resolves when it stands still or failed. */
  refillOne(signal: AbortSignal): Promise<void> | undefined {
    const now = this.#options.clock.monotonic();
    for (const shelf of this.#shelves.values()) {
      const snapshot = this.#wanted(shelf, now);
      if (snapshot === undefined) continue;
      const reservation = this.#options.capacity.tryReserve(shelf.version.config.memoryMb);
      if (reservation === undefined) continue;
      shelf.restoring++;
      this.#count++;
      return this.#restore(shelf, snapshot, reservation, signal);
    }
    return undefined;
  }

  /** What could be given up for room, of versions other than `except`, used longest ago first. */
  evictable(except: VersionId): readonly BootedSandbox[] {
    const shelves = [...this.#shelves.values()].filter(({ version }) => version.versionId !== except);
    shelves.sort((a, b) => a.lastUsedMs - b.lastUsedMs);
    return shelves.flatMap(({ ready }) => ready.map(({ sandbox }) => sandbox));
  }

  /** Those of a version that went, or of a snapshot that is not to be used any more. */
  drop(versionId: VersionId, reason: string): void {
    const shelf = this.#shelves.get(versionId);
    this.#shelves.delete(versionId);
    for (const { sandbox } of [...(shelf?.ready ?? [])]) this.#giveUp(shelf, sandbox, reason);
  }

  /** Gives up those of versions that have no snapshot any more or were not used for a while, and those that no start could use. */
  sweep(): void {
    const { clock, ttlMs, liveOf, find } = this.#options;
    const now = clock.monotonic();
    for (const shelf of [...this.#shelves.values()]) {
      const { version, ready } = shelf;
      if (liveOf(version.versionId) > 0) shelf.lastUsedMs = now;
      if (now - shelf.lastUsedMs >= ttlMs || find(version) === undefined) {
        this.drop(version.versionId, 'its version is not in use any more');
        continue;
      }
      const surplus = Math.max(0, ready.length - this.#target(shelf));
      for (const { sandbox } of ready.slice(0, surplus)) this.#giveUp(shelf, sandbox, 'its version has all instances');
    }
  }

  view(versionId: VersionId): PausedCopiesView {
    const ready = this.#shelves.get(versionId)?.ready ?? [];
    return { count: ready.length, memoryMb: ready.reduce((sum, { sandbox }) => sum + sandbox.memoryMb, 0) };
  }

  /** Resolves when all that stood still are gone. */
  async close(reason: string): Promise<void> {
    const ready = [...this.#shelves.values()].flatMap((shelf) => shelf.ready.map(({ sandbox }) => sandbox));
    for (const versionId of [...this.#shelves.keys()]) this.drop(versionId, reason);
    await Promise.all(ready.map((sandbox) => sandbox.exited));
  }

  #target({ version }: Shelf): number {
    const { perVersion, liveOf } = this.#options;
    return Math.max(0, Math.min(perVersion, version.config.maxInstances - liveOf(version.versionId)));
  }

  #wanted(shelf: Shelf, now: number): SnapshotName | undefined {
    if (!shelf.pause.isOver(now) || this.#count >= this.#options.maxCopies) return undefined;
    if (shelf.ready.length + shelf.restoring >= this.#target(shelf)) return undefined;
    return this.#options.find(shelf.version);
  }

  async #restore(shelf: Shelf, snapshot: SnapshotName, reservation: Reservation, signal: AbortSignal): Promise<void> {
    try {
      const sandbox = await this.#options.restore(shelf.version, snapshot, reservation, signal);
      await this.#standStill(sandbox);
      shelf.restoring--;
      this.#store(shelf, sandbox, snapshot);
    } catch (error) {
      shelf.restoring--;
      this.#count--;
      // The platform is going down: that is no failure of the copy.
      if (signal.aborted) return;
      const { functionName } = shelf.version;
      this.#options.logger.warn({ err: error, function: functionName }, 'no copy could be restored ahead');
      shelf.pause.failed();
    }
  }

  /** Counted from now on with what it takes; a copy that is not touched takes no more. */
  async #standStill(sandbox: BootedSandbox): Promise<void> {
    try {
      await sandbox.sandbox.pause();
      const { memoryBytes } = await sandbox.sandbox.usage();
      sandbox.resize(Math.max(1, Math.ceil(memoryBytes / MiB)));
    } catch (error) {
      sandbox.destroy('it could not be paused');
      throw error;
    }
  }

  #store(shelf: Shelf, sandbox: BootedSandbox, snapshot: SnapshotName): void {
    if (sandbox.isLost || this.#shelves.get(shelf.version.versionId) !== shelf) {
      this.#count--;
      sandbox.destroy('it is not needed');
      return;
    }
    shelf.pause.worked();
    shelf.ready.push({ sandbox, snapshot });
    sandbox.owner = this.#ownerOf(shelf, sandbox);
    this.#options.onWanted();
  }

  #ownerOf(shelf: Shelf, sandbox: BootedSandbox): SandboxOwner {
    return {
      log: () => undefined,
      output: (line) => this.#options.logger.debug({ line, sandboxId: sandbox.sandbox.id }, 'a paused copy said'),
      freed: () => undefined,
      overdue: () => undefined,
      lost: () => {
        if (this.#remove(shelf, sandbox)) shelf.pause.failed();
      },
    };
  }

  #giveUp(shelf: Shelf | undefined, sandbox: BootedSandbox, reason: string): void {
    if (shelf !== undefined) this.#remove(shelf, sandbox);
    sandbox.destroy(reason);
  }

  #remove(shelf: Shelf, sandbox: BootedSandbox): boolean {
    const at = shelf.ready.findIndex((copy) => copy.sandbox === sandbox);
    if (at === -1) return false;
    shelf.ready.splice(at, 1);
    this.#count--;
    return true;
  }
}
