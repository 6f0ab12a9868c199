import type { Gauges } from '../../../shared/api/metrics.ts';
import { projectOf } from '../../../shared/names.ts';
import type { PoolView, PreWarmedView } from '../../core/ports/instance-pool.ts';
import type { SchedulerStats } from '../../core/ports/scheduler.ts';

interface PoolState {
  readonly pools: readonly PoolView[];
  readonly preWarmed: readonly PreWarmedView[];
}

/** What the platform is doing, asked for when it is shown. Undefined while a part is not there yet. */
export interface GaugeSources {
  readonly pool: () => PoolState | undefined;
  readonly scheduler: () => SchedulerStats | undefined;
  readonly host: () => Omit<Gauges['host'], 'sandboxMemoryBytes'>;
}

/** Of everything, or of one project: then calls are counted where they run or wait for an instance. */
export function readGauges(sources: GaugeSources, now: number, project?: string): Gauges {
  const pool = sources.pool();
  const isShown = ({ version }: PoolView) => project === undefined || projectOf(version.functionName) === project;
  const pools = (pool?.pools ?? []).filter(isShown);
  const scheduler = sources.scheduler();
  const instances = { starting: 0, idle: 0, busy: 0, paused: 0, draining: 0, preWarmed: 0 };
  let sandboxMemoryBytes = 0;
  let inFlight = 0;
  let waiting = 0;
  for (const { instances: ofVersion, waiting: ofPool, pausedCopies } of pools) {
    waiting += ofPool;
    instances.paused += pausedCopies.count;
    for (const { state, usage, inFlight: ofInstance } of ofVersion) {
      inFlight += ofInstance;
      if (state !== 'dead') instances[state]++;
      sandboxMemoryBytes += usage.memoryBytes;
    }
  }
  for (const { count } of pool?.preWarmed ?? []) instances.preWarmed += count;
  return {
    at: new Date(now).toISOString(),
    instances,
    ...(project === undefined
      ? ofPlatform(scheduler)
      : { inFlight, queued: waiting, asyncDepth: null, asyncOldestMs: null }),
    host: { ...sources.host(), sandboxMemoryBytes },
  };
}

function ofPlatform(stats: SchedulerStats | undefined) {
  const { inFlight = 0, queued = 0, asyncDepth = 0, asyncOldestMs = 0 } = stats ?? {};
  return { inFlight, queued, asyncDepth, asyncOldestMs };
}
