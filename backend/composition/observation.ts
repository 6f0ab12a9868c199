import { dayMs, hourMs } from '../../shared/durations.ts';
import { MiB } from '../../shared/limits.ts';
import type { EgressProxy } from '../execution-engine/egress/egress-proxy.ts';
import { GroupedJournal } from '../metrics/collector/grouped-journal.ts';
import { HostSampler } from '../metrics/collector/host-sampler.ts';
import { MetricsCollector, type MetricsCollectorOptions } from '../metrics/collector/metrics-collector.ts';
import { Retention, requestRetentionTarget, storeRetentionTargets } from '../metrics/collector/retention.ts';
import { EgressRefusalRecorder } from '../metrics/egress/egress-refusals.ts';
import { ErrorGroups } from '../metrics/errors/error-groups.ts';
import { LevelCostRecorder } from '../metrics/level-costs.ts';
import { LogHub } from '../metrics/logs/log-hub.ts';
import { PrometheusPage } from '../metrics/prometheus.ts';
import { OtlpExporter } from '../metrics/telemetry/otlp-exporter.ts';
import { withoutDrafts } from '../metrics/without-drafts.ts';
import { RequestCapture } from '../scheduler/request-capture.ts';
import { type Foundation, here } from './foundation.ts';

/** In between, kept requests may grow beyond their bounds by what a flood of failures may write. */
const requestRetentionMs = 30_000;

type Gauges = MetricsCollectorOptions['gauges'];

/** Undefined where no collector is named. */
function createExporter({ settings, logger, clock }: Foundation): OtlpExporter | undefined {
  if (settings.OTEL_EXPORTER_OTLP_ENDPOINT === '') return undefined;
  return new OtlpExporter({
    endpoint: settings.OTEL_EXPORTER_OTLP_ENDPOINT,
    headers: settings.OTEL_EXPORTER_OTLP_HEADERS,
    timeoutMs: settings.OTEL_EXPORTER_OTLP_TIMEOUT,
    clock,
    logger,
    version: here.version,
    serviceName: settings.OTEL_SERVICE_NAME,
    resourceAttributes: settings.OTEL_RESOURCE_ATTRIBUTES,
    sampleRatio: settings.OTEL_TRACES_SAMPLER_ARG,
    metricIntervalMs: settings.OTEL_METRIC_EXPORT_INTERVAL,
  });
}

/** What watches: metrics, logs, records of invocations, and how long they are kept. `gauges` are read only after the start. */
export function createObservation(foundation: Foundation, gauges: Omit<Gauges, 'host'>, egress: EgressProxy) {
  const { settings, logger, clock, dataDirectory, store, callChains, directory } = foundation;
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
  const exporter = createExporter(foundation);
  const errors = new ErrorGroups({ store, clock, logger });
  const refusals = new EgressRefusalRecorder({ store, clock, logger });
  const capture = new RequestCapture({ isOn: settings.HEARTH_KEEP_REQUESTS, secrets: foundation.secrets, clock });
  const levelCosts = new LevelCostRecorder();
  // Each takes of it what is for it; the collector everything.
  const sink = withoutDrafts({
    record: (event) => {
      metrics.record(event);
      errors.record(event);
      refusals.record(event);
      levelCosts.record(event);
      exporter?.record(event);
    },
    flush: async () => {
      await Promise.all([metrics.flush(), errors.flush(), refusals.flush()]);
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
        keepErrorGroupsMs: settings.HEARTH_RETENTION_ERRORS_DAYS * dayMs,
      }),
      ...metrics.retentionTargets(),
    ],
  });
  const requestRetention = new Retention({
    clock,
    logger,
    intervalMs: requestRetentionMs,
    targets: [
      requestRetentionTarget({
        store,
        keepRequestsMs: settings.HEARTH_RETENTION_REQUESTS_HOURS * hourMs,
        maxBytes: settings.HEARTH_KEEP_REQUESTS_MIB * MiB,
        maxBytesPerFunction: settings.HEARTH_KEEP_REQUESTS_FUNCTION_MIB * MiB,
      }),
    ],
  });
  const prometheus = new PrometheusPage({
    counters: metrics.counters,
    gauges: () => metrics.gauges(),
    buildInfo: { version: here.version, nodeVersion: process.versions.node },
    extraCounters: [
      { name: 'log_lines_dropped_total', help: 'Log lines given up under load.', value: () => logs.dropped },
      { name: 'records_dropped_total', help: 'Invocation records given up under load.', value: () => journal.dropped },
      {
        name: 'records_left_out_total',
        help: 'Ordinary calls beyond HEARTH_RECORDS_PER_SECOND, which are counted and have no record.',
        value: () => gauges.scheduler()?.recordsLeftOut ?? 0,
      },
      {
        name: 'requests_not_kept_total',
        help: 'Requests of failed calls that were not kept: too many at once.',
        value: () => capture.dropped,
      },
      { name: 'metric_points_dropped_total', help: 'Points given up.', value: () => metrics.health.droppedPoints },
      {
        name: 'store_write_failures_total',
        help: 'Groups of lines, records or points that had to be written again.',
        value: () =>
          logs.storeFailures +
          journal.storeFailures +
          errors.storeFailures +
          refusals.storeFailures +
          metrics.health.storeFailures,
      },
      {
        name: 'call_chains_ignored_total',
        help: 'Calls with a forged or outdated hearth-call-chain header, which began a chain of their own.',
        value: () => callChains.ignored,
      },
      { name: 'error_groups_dropped_total', help: 'Failures that are in no group.', value: () => errors.dropped },
      { name: 'egress_connections_total', help: 'Connections by allow-lists.', value: () => egress.totals.connections },
      { name: 'egress_sent_bytes_total', help: 'Bytes out by allow-lists.', value: () => egress.totals.sentBytes },
      {
        name: 'egress_received_bytes_total',
        help: 'Bytes in by allow-lists.',
        value: () => egress.totals.receivedBytes,
      },
      { name: 'spans_dropped_total', help: 'Sampled attempts not exported.', value: () => exporter?.dropped ?? 0 },
    ],
  });
  const bounds = { retention, requestRetention };
  return { host, logs, journal, metrics, errors, refusals, levelCosts, capture, sink, exporter, ...bounds, prometheus };
}
export type Observation = ReturnType<typeof createObservation>;
