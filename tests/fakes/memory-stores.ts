import { logSpan } from '../../backend/core/policies/log-steps.ts';
import type {
  LogCountFilter,
  LogCounts,
  LogLineFilter,
  LogPageFilter,
  LogSearch,
  LogStore,
  StoredLogLine,
} from '../../backend/core/ports/log-store.ts';
import type {
  InvocationPayload,
  InvocationRecord,
  InvocationStore,
  MetricPointRecord,
  MetricPointStore,
} from '../../backend/core/ports/store.ts';
import { PlatformError } from '../../shared/errors.ts';
import { projectOf } from '../../shared/names.ts';

/** Fails the next calls on demand, or holds them, as a busy or full disk does. */
export class Faults {
  failures = 0;
  error: () => Error = () => new PlatformError('unavailable', 'storage_failed', 'the store is not available');
  /** Calls wait for this. */
  gate: Promise<void> = Promise.resolve();

  async pass(): Promise<void> {
    await this.gate;
    if (this.failures <= 0) return;
    this.failures--;
    throw this.error();
  }
}

/** Metric points, unique on (functionId, version, stepMs, at); a put is whole or not at all. */
export class MemoryMetricPoints implements MetricPointStore {
  readonly faults = new Faults();
  readonly #points = new Map<string, MetricPointRecord>();
  puts = 0;

  get size(): number {
    return this.#points.size;
  }
  all(stepMs: number): MetricPointRecord[] {
    return [...this.#points.values()].filter((point) => point.stepMs === stepMs).toSorted((a, b) => a.at - b.at);
  }

  async put(points: readonly MetricPointRecord[]): Promise<void> {
    await this.faults.pass();
    this.puts++;
    for (const point of points) {
      const key = [point.functionId, point.version, point.stepMs, point.at].join('/');
      this.#points.set(key, { ...point, data: Buffer.from(point.data) });
    }
  }

  async query(filter: Parameters<MetricPointStore['query']>[0]): Promise<readonly MetricPointRecord[]> {
    await this.faults.pass();
    const { functionIds, version, from, to } = filter;
    return this.all(filter.stepMs).filter(
      (point) =>
        (functionIds === undefined || functionIds.includes(point.functionId)) &&
        (version === undefined || version === point.version) &&
        point.at >= from &&
        point.at < to,
    );
  }

  async prune(stepMs: number, before: number): Promise<number> {
    await this.faults.pass();
    let deleted = 0;
    for (const [key, point] of this.#points) {
      if (point.stepMs === stepMs && point.at < before && this.#points.delete(key)) deleted++;
    }
    return deleted;
  }
}

/** Log lines, unique and ascending by seq; an append is whole or not at all. */
export class MemoryLogs implements LogStore {
  readonly faults = new Faults();
  #lines: StoredLogLine[] = [];
  readonly appends: number[] = [];

  get lines(): readonly StoredLogLine[] {
    return this.#lines;
  }

  async append(lines: readonly StoredLogLine[]): Promise<void> {
    await this.faults.pass();
    const known = new Set(this.#lines.map(({ seq }) => seq));
    for (const { seq } of lines) if (known.has(seq)) throw new Error(`the line ${seq} is there already`);
    this.appends.push(lines.length);
    this.#lines = [...this.#lines, ...lines].toSorted((a, b) => a.seq - b.seq);
  }

  async lastSeq(): Promise<number> {
    await this.faults.pass();
    return this.#lines.at(-1)?.seq ?? 0;
  }

  async query(filter: LogPageFilter): Promise<LogSearch> {
    await this.faults.pass();
    const found = this.#found(filter);
    const lines = filter.fromEnd ? found.slice(-filter.limit) : found.slice(0, filter.limit);
    return { lines, stoppedAt: undefined };
  }

  async count(filter: LogCountFilter): Promise<LogCounts> {
    await this.faults.pass();
    const span = logSpan(filter.since, filter.until, filter.maxSteps);
    const found = this.#found({ ...filter, since: span.from, until: span.to - 1 });
    const counts = found.map(({ at, level }) => ({ at: Math.floor(at / span.stepMs) * span.stepMs, level, count: 1 }));
    return { ...span, counts, countedFrom: undefined, lastSeq: this.#lines.at(-1)?.seq ?? 0 };
  }

  #found(filter: LogLineFilter & Partial<LogPageFilter>): readonly StoredLogLine[] {
    return this.#lines.filter(
      (line) =>
        (filter.project === undefined || projectOf(line.functionName) === filter.project) &&
        (filter.functionId === undefined || line.functionId === filter.functionId) &&
        (filter.invocationId === undefined || line.invocationId === filter.invocationId) &&
        (filter.levels === undefined || filter.levels.includes(line.level)) &&
        (filter.search === undefined || line.text.toLowerCase().includes(filter.search.toLowerCase())) &&
        (filter.since === undefined || line.at >= filter.since) &&
        (filter.until === undefined || line.at <= filter.until) &&
        (filter.afterSeq === undefined || line.seq > filter.afterSeq) &&
        (filter.beforeSeq === undefined || line.seq < filter.beforeSeq),
    );
  }

  async prune(before: number): Promise<number> {
    const kept = this.#lines.filter((line) => line.at >= before);
    const deleted = this.#lines.length - kept.length;
    this.#lines = kept;
    return deleted;
  }
}

type Recorded = { readonly record: InvocationRecord; readonly payload: InvocationPayload | undefined };

/** What the journal writes; an id that exists is left as it is. */
export class MemoryInvocations implements Pick<InvocationStore, 'record'> {
  readonly faults = new Faults();
  readonly records = new Map<string, Recorded>();
  readonly batches: number[] = [];

  async record(batch: readonly Recorded[]): Promise<void> {
    await this.faults.pass();
    this.batches.push(batch.length);
    for (const item of batch) if (!this.records.has(item.record.id)) this.records.set(item.record.id, item);
  }
}
