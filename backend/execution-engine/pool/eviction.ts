import { expectedValue, worthHorizonMs } from '../../core/policies/instance-value.ts';
import type { HostCapacity } from './host-capacity.ts';
import type { PausedCopies } from './paused-copies.ts';
import type { PreWarmedStock } from './pre-warmed-stock.ts';
import { shapeOfVersion } from './sandbox-shape.ts';
import type { VersionPool } from './version-pool.ts';

export interface EvictionOptions {
  readonly capacity: HostCapacity;
  readonly stock: PreWarmedStock;
  readonly copies: PausedCopies;
  readonly pools: Iterable<VersionPool>;
  /** Who needs room. */
  readonly for: VersionPool;
  /** Clock.monotonic(). */
  readonly nowMs: number;
}

interface Candidate {
  readonly memoryMb: number;
  /** What it is expected to save (core/policies/instance-value.ts). */
  readonly value: number;
  evict(): void;
}

const reason = 'its room was needed for another version';

/**
 * Makes room for one sandbox: first pre-warmed sandboxes of other shapes and paused copies of other versions, which cost least to make again, then idle instances of other
 * versions, the one that is expected to save least first; never a busy one, never below `minInstances`. Evicts nothing when that
 * would not be enough, or when what is dying already is. The room is there later, when the sandboxes are gone.
 */
export function evict(options: EvictionOptions): void {
  const { capacity } = options;
  const { versionId, config } = options.for.version;
  const { memoryMb } = config;
  const chosen: Candidate[] = [];
  // The version's own copy grows into the room that it has.
  const ownMb = options.copies.memoryOf(versionId);
  const extra = { instances: ownMb === undefined ? 0 : 1, memoryMb: ownMb ?? 0 };
  const candidates = candidatesOf(options);
  while (!capacity.willFit(memoryMb, extra)) {
    const next = candidates.shift();
    if (next === undefined) return;
    chosen.push(next);
    extra.instances++;
    extra.memoryMb += next.memoryMb;
  }
  for (const candidate of chosen) candidate.evict();
}

function candidatesOf(options: EvictionOptions): Candidate[] {
  const { stock, copies } = options;
  const { version } = options.for;
  const ahead = [...stock.evictable(shapeOfVersion(version).key), ...copies.evictable(version.versionId)];
  const preWarmed = ahead.map((sandbox) => ({
    memoryMb: sandbox.memoryMb,
    value: 0,
    evict: () => sandbox.destroy(reason),
  }));
  const idle: Candidate[] = [];
  for (const pool of options.pools) {
    if (pool === options.for) continue;
    const chance = pool.keepAlive.chanceOfCall(options.nowMs, worthHorizonMs);
    // The next call needs one: those beyond it are worth less, the more of them there are.
    const spares = pool.spareInstances().toReversed();
    for (const [rank, instance] of spares.entries()) {
      const { memoryMb } = instance.body;
      const worth = {
        chanceOfCall: chance === undefined ? undefined : chance / (rank + 1),
        idleMs: options.nowMs - instance.idleSinceMs,
        startMs: instance.phases.acquireMs,
        memoryMb,
      };
      idle.push({ memoryMb, value: expectedValue(worth), evict: () => instance.drain(reason) });
    }
  }
  idle.sort((a, b) => a.value - b.value);
  return [...preWarmed, ...idle];
}
