import type { Metric } from 'prom-client';
import { Registry } from 'prom-client';
import type { Gauges } from '../../shared/api/metrics.ts';
import { triggerKinds } from '../../shared/invocation.ts';
import type { IoField } from '../core/ports/sandbox.ts';
import { type EventCounters, type Histogram, outcomeKinds, type VersionCounters } from './collector/event-counters.ts';

type Labels = Readonly<Record<string, string>>;
interface Sample {
  readonly value: number;
  readonly labels: Labels;
  readonly metricName?: string;
}

/** A number of another part that only grows, for example lines dropped by the log. */
interface ExtraCounter {
  /** Without the prefix, ends in `_total`. */
  readonly name: string;
  readonly help: string;
  readonly value: () => number;
}

export interface PrometheusOptions {
  readonly counters: EventCounters;
  readonly gauges: () => Gauges;
  readonly buildInfo: { readonly version: string; readonly nodeVersion: string };
  readonly extraCounters?: readonly ExtraCounter[];
}

const prefix = 'hearth_';

/**
 * The page `/metrics`. An invocation costs a few additions in `EventCounters`; samples are only made when the page is read,
 * so prom-client's registry formats numbers that it does not keep. Totals since the start of the process, exact, never
 * going down; labels are bounded by `EventCounters`.
 */
export class PrometheusPage {
  readonly #registry = new Registry();
  /** Read once per page: they look at every instance. */
  #gauges: Gauges | undefined;

  constructor(options: PrometheusOptions) {
    this.#addInvocations(options.counters);
    this.#addIo(options.counters);
    this.#addDurations(options.counters);
    this.#addEvents(options.counters);
    const gauges = () => {
      this.#gauges ??= options.gauges();
      return this.#gauges;
    };
    this.#addPlatform({ ...options, gauges });
    this.#addHost(gauges);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** The page in Prometheus' text format 0.0.4. */
  text(): Promise<string> {
    this.#gauges = undefined;
    return this.#registry.metrics();
  }

  #addInvocations(counters: EventCounters): void {
    const perVersion = (name: string, help: string, read: (version: VersionCounters) => number) =>
      this.#add('counter', name, help, () =>
        [...counters.versions()].map((version) => ({ value: read(version), labels: labelsOf(version) })),
      );
    this.#add('counter', 'invocations_total', 'Finished attempts by outcome and trigger.', () =>
      [...counters.versions()].flatMap(invocationSamples),
    );
    this.#add('counter', 'errors_total', 'Attempts that failed, by kind of error.', () =>
      [...counters.versions()].flatMap((version) =>
        [...version.errors].map(([type, value]) => ({ value, labels: { ...labelsOf(version), type } })),
      ),
    );
    perVersion(
      'timeouts_total',
      'Attempts that ran into their time limit.',
      ({ errors }) => errors.get('timeout') ?? 0,
    );
    perVersion('coldstarts_total', 'Attempts that waited for an instance to start.', ({ init }) => init.count);
    this.#add('counter', 'starts_total', 'First calls of instances, by the layer that these came from.', () =>
      [...counters.versions()].flatMap((version) =>
        [...version.starts].map(([start, value]) => ({ value, labels: { ...labelsOf(version), start } })),
      ),
    );
    perVersion(
      'shared_calls_total',
      'Calls that were answered with the response of another one.',
      ({ sharedCalls }) => sharedCalls,
    );
    perVersion('instance_cpu_seconds_total', 'CPU time of invocations.', ({ cpuMs }) => cpuMs / 1000);
    perVersion('request_bytes_total', 'Bytes of requests.', ({ requestBytes }) => requestBytes);
    perVersion('response_bytes_total', 'Bytes of responses.', ({ responseBytes }) => responseBytes);
  }

  /** Directions are told apart by a label; where a driver cannot tell there is no sample, and none says 0. */
  #addIo(counters: EventCounters): void {
    const perDirection = (name: string, help: string, fields: Readonly<Record<string, IoField>>) =>
      this.#add('counter', name, help, () =>
        [...counters.versions()].flatMap((version) =>
          Object.entries(fields)
            .filter(([, field]) => version[field] > 0)
            .map(([direction, field]) => ({ value: version[field], labels: { ...labelsOf(version), direction } })),
        ),
      );
    perDirection('instance_network_bytes_total', 'Bytes through the network of instances, loopback left out.', {
      receive: 'networkReceivedBytes',
      transmit: 'networkSentBytes',
    });
    perDirection('instance_disk_bytes_total', 'Bytes of instances from and to block devices.', {
      read: 'diskReadBytes',
      write: 'diskWrittenBytes',
    });
  }

  #addDurations(counters: EventCounters): void {
    const histogram = (name: string, help: string, of: (version: VersionCounters) => Histogram) =>
      this.#add('histogram', name, help, (fullName) =>
        [...counters.versions()].flatMap((version) => histogramSamples(fullName, of(version), labelsOf(version))),
      );
    histogram('invocation_duration_seconds', 'What the caller waited, in all.', ({ duration }) => duration);
    histogram('queue_wait_seconds', 'Waiting for admission.', ({ queueWait }) => queueWait);
    histogram('batch_size', 'Calls that went to an instance together.', ({ batchSize }) => batchSize);
    histogram(
      'batch_wait_seconds',
      'What the first of them waited for company and a slot.',
      ({ batchWait }) => batchWait,
    );
    histogram('init_duration_seconds', 'Cold starts: boot, load and init.', ({ init }) => init);
    this.#add(
      'histogram',
      'build_duration_seconds',
      'Building bundles from the begin of their turn, by result.',
      (fullName) =>
        Object.entries(counters.builds).flatMap(([result, histogram]) =>
          histogramSamples(fullName, histogram, { result }),
        ),
    );
  }

  #addEvents(counters: EventCounters): void {
    const labelled = (name: string, help: string, of: EventCounters['throttles'], ...names: string[]) =>
      this.#add('counter', name, help, () =>
        [...of.entries()].map(([values, value]) => ({
          value,
          labels: Object.fromEntries(names.map((label, i) => [label, values[i] ?? ''])),
        })),
      );
    labelled('throttles_total', 'Calls refused because of a limit.', counters.throttles, 'function', 'limit');
    const before = 'Calls refused before they ran, for another reason than a limit.';
    labelled('refused_calls_total', before, counters.refusals, 'function', 'reason');
    labelled('retries_total', 'Attempts that will be repeated.', counters.retries, 'function');
    labelled('dead_letters_total', 'Invocations given up.', counters.deadLetters, 'function');
    const late = 'Results that were dropped because their lease was lost.';
    labelled('late_results_total', late, counters.lateResults, 'function');
    const refused = 'Attempts to get out that were refused, by reason.';
    labelled('egress_refused_total', refused, counters.egressRefusals, 'function', 'reason');
    const labels = ['isolation', 'runtime', 'state'];
    labelled('instance_changes_total', 'Instances that entered a state.', counters.instanceChanges, ...labels);
  }

  #addPlatform({ gauges, buildInfo, extraCounters = [] }: PrometheusOptions): void {
    const { version, nodeVersion } = buildInfo;
    this.#add('gauge', 'build_info', 'Which Hearth this is; always 1.', () => [
      { value: 1, labels: { version, node_version: nodeVersion } },
    ]);
    this.#add('gauge', 'instances', 'Instances by state.', () =>
      Object.entries(gauges().instances).map(([state, value]) => ({
        value,
        labels: { state: state === 'preWarmed' ? 'pre-warmed' : state },
      })),
    );
    this.#add('gauge', 'concurrency', 'Invocations in flight.', () => [{ value: gauges().inFlight, labels: {} }]);
    this.#add('gauge', 'queue_depth', 'Calls that wait, by queue.', () => {
      const { queued, asyncDepth } = gauges();
      return [
        { value: queued, labels: { queue: 'sync' } },
        { value: asyncDepth ?? 0, labels: { queue: 'async' } },
      ];
    });
    for (const { name, help, value } of extraCounters) {
      this.#add('counter', name, help, () => [{ value: value(), labels: {} }]);
    }
  }

  #addHost(gauges: () => Gauges): void {
    const gauge = (name: string, help: string, read: (host: Gauges['host']) => number) =>
      this.#add('gauge', name, help, () => [{ value: read(gauges().host), labels: {} }]);
    gauge('instance_memory_bytes', 'Memory of all instances.', (host) => host.sandboxMemoryBytes);
    gauge('host_cpu_ratio', 'CPU in use on the host, 0 to 1.', (host) => host.cpuPercent / 100);
    gauge('host_cpus', 'Processors of the host.', (host) => host.cpus);
    gauge('host_memory_used_bytes', 'Memory in use on the host.', (host) => host.memoryUsedBytes);
    gauge('host_memory_total_bytes', 'Memory of the host.', (host) => host.memoryTotalBytes);
    gauge('data_free_bytes', 'Free space of the data directory.', (host) => host.diskFreeBytes);
    gauge('event_loop_lag_seconds', "99th percentile of the platform's loop lag.", (host) => host.loopLagMs / 1000);
    const own = (type: 'counter' | 'gauge', name: string, help: string, value: () => number) =>
      this.#add(type, name, help, () => [{ value: value(), labels: {} }], '');
    own('gauge', 'process_resident_memory_bytes', 'Resident memory of the platform.', () => process.memoryUsage.rss());
    own('gauge', 'process_heap_bytes', 'Heap in use by the platform.', () => process.memoryUsage().heapUsed);
    own('counter', 'process_cpu_seconds_total', 'CPU time of the platform.', () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1e6;
    });
    const startedAt = Math.round(performance.timeOrigin) / 1000;
    own('gauge', 'process_start_time_seconds', 'When the platform started, since 1970.', () => startedAt);
  }

  #add(
    type: 'counter' | 'gauge' | 'histogram',
    name: string,
    help: string,
    samples: (fullName: string) => readonly Sample[],
    namePrefix = prefix,
  ): void {
    const fullName = namePrefix + name;
    const source = { name: fullName, get: async () => ({ name: fullName, help, type, values: samples(fullName) }) };
    // All that the registry asks of a metric is `name` and `get`; its type names the four classes that keep numbers themselves.
    this.#registry.registerMetric(source as unknown as Metric);
  }
}

function labelsOf({ functionName, version }: VersionCounters): Labels {
  return { function: functionName, version };
}

function invocationSamples(version: VersionCounters): Sample[] {
  const samples: Sample[] = [];
  outcomeKinds.forEach((status, statusIndex) => {
    triggerKinds.forEach((trigger, triggerIndex) => {
      const value = version.invocations[statusIndex * triggerKinds.length + triggerIndex] ?? 0;
      if (value > 0) samples.push({ value, labels: { ...labelsOf(version), status, trigger } });
    });
  });
  return samples;
}

/** Buckets cumulate, as the format wants it. */
function histogramSamples(name: string, histogram: Histogram, labels: Labels): Sample[] {
  if (histogram.count === 0) return [];
  let below = 0;
  const buckets = histogram.bounds.map((bound, i) => {
    below += histogram.counts[i] ?? 0;
    return { metricName: `${name}_bucket`, value: below, labels: { ...labels, le: String(bound) } };
  });
  return [
    ...buckets,
    { metricName: `${name}_bucket`, value: histogram.count, labels: { ...labels, le: '+Inf' } },
    { metricName: `${name}_sum`, value: histogram.sum, labels },
    { metricName: `${name}_count`, value: histogram.count, labels },
  ];
}
