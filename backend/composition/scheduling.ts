import { availableParallelism, totalmem } from 'node:os';
import { newId } from '../../shared/ids.ts';
import type { EgressGate } from '../core/ports/egress-gate.ts';
import type { DriverHealth } from '../core/ports/isolation-driver.ts';
import { LocalInstancePool } from '../execution-engine/pool/local-instance-pool.ts';
import { defaultPoolSettings } from '../execution-engine/pool/pool-settings.ts';
import { protocolLinks } from '../execution-engine/pool/protocol-link.ts';
import { LocalScheduler } from '../scheduler/local-scheduler.ts';
import { defaultSchedulerSettings } from '../scheduler/scheduler-settings.ts';
import type { Engine } from './engine.ts';
import type { Foundation } from './foundation.ts';
import type { Observation } from './observation.ts';

const noDriver: DriverHealth = {
  status: 'undetected',
  reason: 'this installation has no such isolation level',
  fix: 'choose one that `hearth status` lists',
};

/** What decides which call runs where and when: the pool of instances and the scheduler above it. */
export function createScheduling(
  { settings, logger, clock, store, secrets, callChains, directory }: Foundation,
  { adapters, drivers, inventory, bundles }: Engine,
  { logs, journal, sink, capture }: Observation,
  egress: EgressGate,
) {
  const pool = new LocalInstancePool({
    drivers: new Map(drivers.map((driver) => [driver.name, driver])),
    driverHealth: (name) => inventory.drivers().find((finding) => finding.driver.name === name)?.health ?? noDriver,
    adapters,
    bundles,
    sandboxes: store.sandboxes,
    secrets,
    openLink: protocolLinks({
      clock,
      egress,
      metrics: sink,
      callChains,
      traceSampleRatio: settings.OTEL_EXPORTER_OTLP_ENDPOINT === '' ? 0 : settings.OTEL_TRACES_SAMPLER_ARG,
      cancelGraceMs: 500,
      helloTimeoutMs: 30_000,
    }),
    clock,
    metrics: sink,
    logs,
    logger,
    settings: {
      ...defaultPoolSettings,
      maxInstances: settings.HEARTH_MAX_INSTANCES,
      memoryBudgetMb:
        settings.HEARTH_POOL_MEMORY_MB === 0
          ? Math.floor((totalmem() / 1_048_576) * 0.75)
          : settings.HEARTH_POOL_MEMORY_MB,
      maxSimultaneousBoots: settings.HEARTH_MAX_BOOTS === 0 ? availableParallelism() : settings.HEARTH_MAX_BOOTS,
      keepAlive: settings.HEARTH_KEEP_ALIVE,
      preWarmPerRuntime: settings.HEARTH_PREWARM,
      snapshots: settings.HEARTH_SNAPSHOTS,
      copiesAheadPerVersion: settings.HEARTH_COPIES_AHEAD,
      defaultIsolation: settings.HEARTH_ISOLATION,
    },
  });
  const scheduler = new LocalScheduler({
    pool,
    queue: store.queue,
    schedules: store.schedules,
    functions: store.functions,
    directory,
    journal,
    metrics: sink,
    capture,
    clock,
    logger,
    owner: newId('instance'),
    settings: {
      ...defaultSchedulerSettings,
      maxConcurrentInvocations: settings.HEARTH_MAX_CONCURRENT,
      maxQueued: settings.HEARTH_MAX_QUEUED,
      maxQueuedPerFunction: settings.HEARTH_MAX_QUEUED_PER_FUNCTION,
      asyncConcurrency: settings.HEARTH_ASYNC_CONCURRENCY,
      recordsPerSecond: settings.HEARTH_RECORDS_PER_SECOND,
    },
  });
  return { pool, scheduler };
}
