import { type AlertMetric, platformMetrics } from '../../shared/api/alerts.ts';
import type { Gauges, MetricPoint } from '../../shared/api/metrics.ts';
import type { FunctionId } from '../../shared/ids.ts';
import type { AlertRuleRecord } from '../core/ports/alert-store.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { MetricsReader } from '../core/ports/metrics-reader.ts';
import type { Store } from '../core/ports/store.ts';
import type { Costs } from './costs.ts';
import type { FunctionEntry, InMemoryFunctionDirectory } from './function-directory.ts';

export interface AlertValuesOptions {
  readonly store: Store;
  readonly metrics: Pick<MetricsReader, 'series' | 'gauges' | 'functionStats'>;
  readonly costs: Pick<Costs, 'costOf'>;
  readonly directory: Pick<InMemoryFunctionDirectory, 'find' | 'entriesOf' | 'entries'>;
  readonly clock: Clock;
}

/** Of events that are counted one by one; a rule has no use for more. */
const maxCounted = 1000;

/** The number that a rule watches, of the functions that it is about. */
export class AlertValues {
  readonly #options: AlertValuesOptions;

  constructor(options: AlertValuesOptions) {
    this.#options = options;
  }

  /** Undefined: nothing happened in the window, or what it is about is gone. */
  async read(rule: AlertRuleRecord): Promise<number | undefined> {
    const { metrics, clock } = this.#options;
    const { metric, windowMs } = rule;
    if ((platformMetrics as readonly AlertMetric[]).includes(metric)) return platformValue(metric, metrics.gauges());
    const watched = this.#watchedBy(rule);
    if (watched === undefined) return undefined;
    const to = clock.now();
    switch (metric) {
      case 'canaryAborts':
        return this.#canaryAborts(watched, to - windowMs, to);
      case 'asyncQueued':
        return this.#options.store.queue.depth(watched.ids);
      case 'asyncOldestMs': {
        const dueAt = await this.#options.store.queue.oldestDueAt(watched.ids);
        return dueAt === undefined ? 0 : Math.max(0, to - dueAt);
      }
      case 'deadLetters':
        return this.#options.store.invocations.countDeadLetters(watched, maxCounted);
      case 'memoryRate':
        return this.#memoryRate(watched.entries(), windowMs);
      case 'cost':
        return this.#options.costs.costOf(watched.entries(), to - windowMs, to);
      default: {
        const { functionId, ids: functionIds } = watched;
        const query = { functionId, functionIds, version: undefined, from: to - windowMs, to, stepMs: undefined };
        const { total } = await metrics.series(query);
        return total === null ? undefined : functionValue(metric, total);
      }
    }
  }

  /** Undefined: the function was deleted, so nothing can be wrong with it. */
  #watchedBy({ functionName, project }: AlertRuleRecord): Watched | undefined {
    const { directory } = this.#options;
    if (functionName !== null) {
      const entry = directory.find(functionName);
      if (entry === undefined) return undefined;
      const { id } = entry.record;
      return { functionId: id, project: undefined, ids: [id], entries: () => [entry] };
    }
    if (project === null) {
      const entries = () => [...directory.entries()];
      return { functionId: undefined, project: undefined, ids: undefined, entries };
    }
    const entries = directory.entriesOf(project);
    return { functionId: undefined, project, ids: entries.map(({ record }) => record.id), entries: () => entries };
  }

  async #canaryAborts({ functionId, ids }: Watched, from: number, to: number): Promise<number> {
    // The look itself is included: what was written in this millisecond would else be seen by the next one only.
    const range = { functionId, from, to: to + 1, limit: maxCounted };
    const aborts = await this.#options.store.canaryAborts.list(range);
    return aborts.filter((abort) => ids === undefined || ids.includes(abort.functionId)).length;
  }

  async #memoryRate(entries: readonly FunctionEntry[], windowMs: number): Promise<number | undefined> {
    const ids = entries.map(({ record }) => record.id);
    const stats = await this.#options.metrics.functionStats(ids, windowMs);
    const rates = entries.flatMap(({ record, versions }) => {
      const peakBytes = stats.get(record.id)?.peakMemoryBytes ?? 0;
      const memoryMb = versions.get(record.latestVersion)?.config.memoryMb ?? 0;
      return peakBytes === 0 || memoryMb === 0 ? [] : [peakBytes / (memoryMb * bytesPerMb)];
    });
    return rates.length === 0 ? undefined : Math.max(...rates);
  }
}

const bytesPerMb = 1_048_576;

/** The functions that a rule is about. */
interface Watched {
  /** When it is one. */
  readonly functionId: FunctionId | undefined;
  /** When it is all of a project. */
  readonly project: string | undefined;
  /** Undefined: all that there are. */
  readonly ids: readonly FunctionId[] | undefined;
  readonly entries: () => readonly FunctionEntry[];
}

function platformValue(metric: AlertMetric, { queued, asyncDepth, host }: Gauges): number | undefined {
  switch (metric) {
    case 'queueDepth':
      return queued + (asyncDepth ?? 0);
    case 'hostCpuPercent':
      return host.cpuPercent;
    case 'hostMemoryPercent':
      return host.memoryTotalBytes === 0 ? undefined : (host.memoryUsedBytes / host.memoryTotalBytes) * 100;
    case 'diskFreeBytes':
      return host.diskFreeBytes;
    case 'loopLagMs':
      return host.loopLagMs;
    default:
      return undefined;
  }
}

function functionValue(metric: AlertMetric, total: MetricPoint): number | undefined {
  const share = (part: number): number | undefined => (total.invocations === 0 ? undefined : part / total.invocations);
  switch (metric) {
    case 'errorRate':
      return share(total.errors);
    case 'errors':
      return total.errors;
    case 'requests':
      return total.invocations;
    case 'throttles':
      return total.throttles;
    case 'coldStartRate':
      return share(total.coldStarts);
    case 'p50Ms':
      return total.totalMs?.p50;
    case 'p95Ms':
      return total.totalMs?.p95;
    case 'p99Ms':
      return total.totalMs?.p99;
    default:
      return undefined;
  }
}
