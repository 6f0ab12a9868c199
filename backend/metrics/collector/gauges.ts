import type { Gauges } from '../../../shared/api/metrics.ts';
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

export function readGauges(sources: GaugeSources, now: number): Gauges {
  const pool = sources.pool();
  const scheduler = sources.scheduler();
  const instances = { starting: 0, idle: 0, busy: 0, paused: 0, draining: 0, preWarmed: 0 };
  let sandboxMemoryBytes = 0;
  for (const { instances: ofVersion } of pool?.pools ?? []) {
    for (const { state, usage } of ofVersion) {
      if (state !== 'dead') instances[state]++;
      sandboxMemoryBytes += usage.memoryBytes;
    }
  }
  for (const { count } of pool?.preWarmed ?? []) instances.preWarmed += count;
  return {
    at: new Date(now).toISOString(),
    instances,
    inFlight: scheduler?.inFlight ?? 0,
    queued: scheduler?.queued ?? 0,
    asyncDepth: scheduler?.asyncDepth ?? 0,
    host: { ...sources.host(), sandboxMemoryBytes },
  };
}
