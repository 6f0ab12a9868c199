import { GroupedJournal } from '../metrics/collector/grouped-journal.ts';
import { HostSampler } from '../metrics/collector/host-sampler.ts';
import { MetricsCollector, type MetricsCollectorOptions } from '../metrics/collector/metrics-collector.ts';
import { Retention, storeRetentionTargets } from '../metrics/collector/retention.ts';
import { LogHub } from '../metrics/logs/log-hub.ts';
import { PrometheusPage } from '../metrics/prometheus.ts';
import { type Foundation, here } from './foundation.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

type Gauges = MetricsCollectorOptions['gauges'];

/** What watches: metrics, logs, records of invocations, and how long they are kept. `gauges` are read only after the start. */
export function createObservation(
  { settings, logger, clock, dataDirectory, store, directory }: Foundation,
  gauges: Omit<Gauges, 'host'>,
) {
  const host = new HostSampler({ clock, logger, dataDirectory });
  const logs = new LogHub({ store, clock, logger });
  const journal = new GroupedJournal({ store, clock, logger });
  const metrics = new MetricsCollector({
    store,
    clock,
    logger,
    functionIdOf: (name) => directory.find(name)?.record.id,
    gauges: {
      ...gauges,
      host: () => host.latest(),
    },
    retention: {
      secondsMs: 900_000,
      slotsMs: settings.HEARTH_RETENTION_METRICS_10S_HOURS * hourMs,
      minutesMs: settings.HEARTH_RETENTION_METRICS_1M_DAYS * dayMs,
      hoursMs: settings.HEARTH_RETENTION_METRICS_1H_DAYS * dayMs,
    },
  });
  const retention = new Retention({
    clock,
    logger,
    targets: [
      ...storeRetentionTargets({
        store,
        keepInvocationsMs: settings.HEARTH_RETENTION_INVOCATIONS_HOURS * hourMs,
        keepLogsMs: settings.HEARTH_RETENTION_LOGS_HOURS * hourMs,
      }),
      ...metrics.retentionTargets(),
    ],
  });
  const prometheus = new PrometheusPage({
    counters: metrics.counters,
    gauges: () => metrics.gauges(),
    buildInfo: { version: here.version, nodeVersion: process.versions.node },
    extraCounters: [
      { name: 'log_lines_dropped_total', help: 'Log lines given up under load.', value: () => logs.dropped },
      { name: 'records_dropped_total', help: 'Invocation records given up under load.', value: () => journal.dropped },
      { name: 'metric_points_dropped_total', help: 'Points given up.', value: () => metrics.health.droppedPoints },
      {
        name: 'store_write_failures_total',
        help: 'Groups of lines, records or points that had to be written again.',
        value: () => logs.storeFailures + journal.storeFailures + metrics.health.storeFailures,
      },
    ],
  });
  return { host, logs, journal, metrics, retention, prometheus };
}
export type Observation = ReturnType<typeof createObservation>;
