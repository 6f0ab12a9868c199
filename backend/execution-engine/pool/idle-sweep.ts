import { keepAliveMs } from '../../core/policies/scaling.ts';
import type { PooledInstance } from './pooled-instance.ts';
import type { VersionPool } from './version-pool.ts';

/** A call often brings another: even when none is expected for long, an instance is kept this long after the last. */
const lingerMs = 10_000;

/** Ends instances that their version's plan does not want any more, and starts one ahead of a call that it foretells. */
export function sweepIdle(pool: VersionPool, nowMs: number, pressure: number): void {
  const wanted = pool.keepAlive.wantedAt(nowMs);
  if (wanted === 'ready') pool.startAhead();
  else pool.stopStartingAhead();
  if (pool.instances.size === 0) return;
  const keepMs = keepMsOf(pool, pressure);
  const scaling = pool.scale();
  if (scaling.mode === 'panic') return;
  const beyondTarget = Math.max(0, pool.liveInstances - scaling.target);
  // While calls run, what the trend needs stays; in quiet times the plan decides.
  const spares = pool.keepAlive.isQuiet ? pool.spareInstances() : pool.spareInstances().slice(0, beyondTarget);
  // The most recently used one is what a plan keeps.
  const expendable = wanted === 'ready' && pool.minInstances === 0 ? spares.slice(0, -1) : spares;
  for (const instance of expendable) {
    if (idleMsOf(instance, nowMs) >= keepMs) instance.drain('it was idle for too long');
  }
}

function keepMsOf({ keepAlive }: VersionPool, pressure: number): number {
  if (!keepAlive.isQuiet) return keepAliveMs({ idleTimeoutMs: keepAlive.surplusKeepMs, pressure });
  const plan = keepAlive.plan();
  if (plan.preWarmMs > 0) return Math.min(lingerMs, plan.preWarmMs);
  return keepAliveMs({ idleTimeoutMs: plan.keepAliveMs, pressure });
}

const idleMsOf = (instance: PooledInstance, nowMs: number): number => nowMs - instance.idleSinceMs;
