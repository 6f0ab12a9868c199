import type { Clock } from '../../core/ports/clock.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { MetricEvent } from '../../core/ports/metrics-sink.ts';
import { isSampled, traceContextOf } from '../../core/trace-context.ts';
import { GroupWriter } from '../group-writer.ts';
import { FaasMetrics } from './faas-metrics.ts';
import { OtlpClient, type OtlpClientOptions } from './otlp-client.ts';
import { type Attributes, keyValues, metricsRequest, type Resource, traceRequest } from './otlp-json.ts';
import { type SpanFacts, spanFactsOf, spansOf } from './spans.ts';

export interface OtlpExporterOptions extends OtlpClientOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly version: string;
  readonly serviceName: string;
  readonly resourceAttributes: Attributes;
  /** Share of traces that begin here and are exported, 0 to 1. */
  readonly sampleRatio: number;
  readonly metricIntervalMs: number;
}

/** Attempts that wait to be sent. */
const maxWaiting = 8_192;
const maxBatch = 256;
const spanIntervalMs = 5_000;
const maxSeries = 2_000;

/**
 * Sends every sampled attempt as spans and totals as metrics to a collector. `record` is synchronous, bounded and never throws; when the collector
 * is slow or away, the oldest attempts are given up and counted. Totals cannot be lost: each export has all since the start.
 */
export class OtlpExporter {
  readonly #options: OtlpExporterOptions;
  readonly #client: OtlpClient;
  readonly #metrics: FaasMetrics;
  readonly #resource: Resource;
  readonly #spans: GroupWriter<SpanFacts>;
  #cancelTimer: (() => void) | undefined;
  #isMetricsAway = false;

  constructor(options: OtlpExporterOptions) {
    this.#options = options;
    const { clock, logger, version, serviceName, resourceAttributes } = options;
    this.#client = new OtlpClient(options);
    this.#metrics = new FaasMetrics({ maxSeries, startedAt: clock.now() });
    this.#resource = {
      attributes: keyValues({
        ...resourceAttributes,
        'service.name': serviceName,
        'service.version': version,
        'telemetry.sdk.name': 'hearth',
        'telemetry.sdk.language': 'nodejs',
        'process.pid': process.pid,
      }),
    };
    this.#spans = new GroupWriter({
      name: 'spans',
      clock,
      logger,
      write: (batch) => this.#client.send('traces', traceRequest(this.#resource, version, batch.flatMap(spansOf))),
      costOf: () => 1,
      maxCost: maxWaiting,
      maxItems: maxWaiting,
      maxBatch,
      intervalMs: spanIntervalMs,
      onDropped: () => undefined,
    });
  }

  /** Attempts that were sampled and never reached the collector. */
  get dropped(): number {
    return this.#spans.dropped;
  }

  start(): void {
    this.#arm();
  }

  record(event: MetricEvent): void {
    try {
      this.#metrics.record(event);
      if (event.kind === 'invocation' && isSampled(traceContextOf(event.invocation), this.#options.sampleRatio)) {
        this.#spans.push(spanFactsOf(event));
      }
    } catch (error) {
      // A sink never breaks the call that it measures.
      this.#options.logger.error({ err: error }, 'an attempt could not be exported');
    }
  }

  /** Sends what is there. Never rejects. */
  async flush(): Promise<void> {
    await Promise.all([this.#spans.flush(), this.#sendMetrics()]);
  }

  async close(): Promise<void> {
    this.#cancelTimer?.();
    await Promise.all([this.#spans.close(), this.#sendMetrics()]);
  }

  #arm(): void {
    this.#cancelTimer = this.#options.clock.after(this.#options.metricIntervalMs, () => {
      this.#arm();
      void this.#sendMetrics();
    });
  }

  async #sendMetrics(): Promise<void> {
    const { clock, logger, version } = this.#options;
    const metrics = this.#metrics.read(clock.now());
    if (metrics.length === 0) return;
    try {
      await this.#client.send('metrics', metricsRequest(this.#resource, version, metrics));
      this.#isMetricsAway = false;
    } catch (error) {
      // Once per outage: totals are sent again anyway.
      if (!this.#isMetricsAway) logger.warn({ err: error }, 'metrics could not be exported; it is tried again');
      this.#isMetricsAway = true;
    }
  }
}
