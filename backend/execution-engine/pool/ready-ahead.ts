import type { VersionId } from '../../../shared/ids.ts';
import type { StartKind } from '../../../shared/invocation.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Logger } from '../../core/ports/logger.ts';
import { evict } from './eviction.ts';
import type { GenericSandboxes } from './generic-sandboxes.ts';
import type { HostCapacity } from './host-capacity.ts';
import type { InstanceStarter, StartFrom } from './instance-starter.ts';
import { PausedCopies } from './paused-copies.ts';
import type { PoolSettings } from './pool-settings.ts';
import { PreWarmedStock } from './pre-warmed-stock.ts';
import type { SandboxMaker } from './sandbox-maker.ts';
import { shapeOfVersion } from './sandbox-shape.ts';
import type { SnapshotBook } from './snapshot-book.ts';
import type { VersionPool } from './version-pool.ts';

export interface ReadyAheadOptions {
  readonly capacity: HostCapacity;
  readonly maker: SandboxMaker;
  readonly generic: GenericSandboxes;
  readonly starter: InstanceStarter;
  readonly snapshots: SnapshotBook;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings: PoolSettings;
  readonly pools: ReadonlyMap<VersionId, VersionPool>;
  /** Something may be missing now. */
  readonly onWanted: () => void;
}

/** What is kept ready ahead of calls: paused copies of versions, and pre-warmed sandboxes of shapes. Decides what each start begins with. */
export class ReadyAhead {
  readonly stock: PreWarmedStock;
  readonly copies: PausedCopies;
  readonly #options: ReadyAheadOptions;

  constructor(options: ReadyAheadOptions) {
    this.#options = options;
    const { capacity, maker, generic, starter, snapshots, clock, logger, settings, pools, onWanted } = options;
    const { preWarmTtlMs: ttlMs, refillDelayMs } = settings;
    const common = { capacity, clock, logger, ttlMs, refillDelayMs, onWanted };
    this.stock = new PreWarmedStock({
      ...common,
      maker,
      generic,
      perDefaultShape: settings.preWarmPerRuntime,
      perUsedShape: settings.preWarmPerShape,
      maxPreWarmed: settings.maxPreWarmed,
    });
    this.copies = new PausedCopies({
      ...common,
      find: (version) => snapshots.findToPause(version),
      restore: (...wanted) => starter.restoreAhead(...wanted),
      liveOf: (versionId) => pools.get(versionId)?.liveInstances ?? 0,
      perVersion: settings.copiesAheadPerVersion,
      maxCopies: settings.maxCopiesAhead,
    });
  }

  /** What the next start of this version begins with, reserved for it. Undefined: there is no room; when a call waits, some is being made. */
  startFrom(pool: VersionPool): StartFrom | undefined {
    const { capacity, snapshots } = this.#options;
    const { version } = pool;
    const { memoryMb } = version.config;
    const snapshot = snapshots.find(version);
    // A copy has loaded its version; a pre-warmed sandbox has not.
    if (snapshot !== undefined) {
      const paused = this.copies.take(version, snapshot);
      if (paused !== undefined) return { paused, snapshot };
      const reservation = capacity.tryReserve(memoryMb);
      if (reservation !== undefined) return { reservation, snapshot };
    }
    const preWarmed = this.stock.take(shapeOfVersion(version));
    if (preWarmed !== undefined) return { preWarmed };
    const reservation = capacity.tryReserve(memoryMb);
    if (reservation !== undefined) return { reservation };
    if (pool.isBootUrgent) this.#makeRoom(pool);
    return undefined;
  }

  /** Begins one copy or sandbox that is missing, if there is room; resolves when it is there or failed. */
  refillOne(signal: AbortSignal): Promise<void> | undefined {
    return this.copies.refillOne(signal) ?? this.stock.refillOne(signal);
  }

  sweep(): void {
    this.stock.sweep();
    this.copies.sweep();
  }

  /** Resolves when all that was ready is gone. */
  async close(reason: string): Promise<void> {
    await Promise.all([this.stock.close(reason), this.copies.close(reason)]);
  }

  #makeRoom(pool: VersionPool): void {
    const { capacity, pools, clock } = this.#options;
    const { stock, copies } = this;
    evict({ capacity, stock, copies, pools: pools.values(), for: pool, nowMs: clock.monotonic() });
  }
}

/** What a start that begins so will have been. */
export function startOf(from: StartFrom): StartKind {
  if ('preWarmed' in from) return from.preWarmed.origin;
  if ('paused' in from) return from.paused.origin;
  return from.snapshot === undefined ? 'cold' : 'restored';
}
