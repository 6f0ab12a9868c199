import type { LogLine, LogQuery } from '../../../shared/api/invocations.ts';
import type { LogHistogram, LogHistogramQuery } from '../../../shared/api/log-histogram.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type {
  FoundLogLines,
  LogCounter,
  LogEntry,
  LogFilter,
  LogReader,
  LogScope,
  LogSink,
} from '../../core/ports/log-sink.ts';
import type { StoredLogLine } from '../../core/ports/log-store.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { Store } from '../../core/ports/store.ts';
import { GroupWriter } from '../group-writer.ts';
import { LogFollowers } from './log-followers.ts';
import { histogramOf } from './log-histogram.ts';
import { idOfSeq, matches, toCountFilter, toLogLine, toStoreFilter } from './log-line.ts';
import { LostLines } from './lost-lines.ts';

export interface LogHubOptions {
  readonly store: Pick<Store, 'logs'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Memory for unwritten lines; 16 MiB when left out. */
  readonly maxPendingBytes?: number;
  /** 100 when left out. */
  readonly flushIntervalMs?: number;
}

const maxBatchLines = 500;
/** Of long lines fewer: some hundred of 1 KB. Those of a batch outlive collections, for which V8 would make more room and keep it. */
const maxBatchBytes = 256 * 1024;
const maxPendingLines = 100_000;
/** Longer texts are cut. The protocol's own bound (16 KiB) is lower; this one holds for every source. */
const maxTextChars = 32_768;
/** About what a line takes in memory besides its text. */
const lineBytes = 256;

/** Takes the lines of functions and of the platform, stores them in groups, and gives them to those who ask or watch. */
export class LogHub implements LogSink, LogReader, LogCounter {
  readonly #options: LogHubOptions;
  readonly #writer: GroupWriter<StoredLogLine>;
  readonly #followers: LogFollowers;
  readonly #lost = new LostLines();
  /** Lines that came before `start` knew where to go on numbering. */
  #early: LogEntry[] | undefined = [];
  #lastSeq = 0;

  constructor(options: LogHubOptions) {
    this.#options = options;
    const { store, clock, logger } = options;
    this.#followers = new LogFollowers({ clock, logger });
    this.#writer = new GroupWriter<StoredLogLine>({
      name: 'log lines',
      clock,
      logger,
      write: (batch) => store.logs.append(batch),
      costOf: (line) => lineBytes + line.text.length * 2,
      maxCost: options.maxPendingBytes ?? 16 * 1024 * 1024,
      maxItems: maxPendingLines,
      maxBatch: maxBatchLines,
      maxBatchCost: maxBatchBytes,
      intervalMs: options.flushIntervalMs ?? 100,
      onWritten: () => this.#reportLost(),
      onDropped: (line) => this.#lost.add(line),
    });
  }

  /**
   * Goes on after the highest number stored. Leaves a gap as large as what an earlier process can have shown to followers
   * and not written, so that an id never means two lines. Rejects when the store does.
   */
  async start(): Promise<void> {
    if (this.#early === undefined) return;
    const stored = await this.#options.store.logs.lastSeq();
    const early = this.#early ?? [];
    this.#lastSeq = stored === 0 ? 0 : stored + maxPendingLines + maxBatchLines;
    this.#early = undefined;
    for (const entry of early) this.append(entry);
  }

  /** Lines lost because the store could not follow. */
  get dropped(): number {
    return this.#writer.dropped;
  }
  /** Writes that failed. */
  get storeFailures(): number {
    return this.#writer.failures;
  }

  append(entry: LogEntry): void {
    if (this.#early !== undefined) {
      if (this.#early.length < maxBatchLines) this.#early.push(entry);
      else this.#lost.add(entry);
      return;
    }
    const text = entry.text.length > maxTextChars ? `${entry.text.slice(0, maxTextChars)}… (cut)` : entry.text;
    const line: StoredLogLine = { ...entry, text, seq: ++this.#lastSeq };
    this.#writer.push(line);
    if (this.#followers.size > 0) this.#followers.offer(line);
  }

  /** Stores what is there now; resolves also when the store fails, then it is tried again. */
  flush(): Promise<void> {
    return this.#writer.flush();
  }

  async query(of: LogScope, query: LogQuery): Promise<FoundLogLines> {
    const end = idOfSeq(this.#lastSeq);
    const filter = toStoreFilter(of, query);
    // Memory first: what is written while the store answers is then in both, and told apart by its number.
    const found = new Map<number, StoredLogLine>();
    for (const line of this.#writer.unwritten()) if (matches(filter, line)) found.set(line.seq, line);
    const stored = await this.#options.store.logs.query(filter);
    for (const line of stored.lines) found.set(line.seq, line);
    const { limit } = query;
    const ascending = [...found.values()].toSorted((a, b) => a.seq - b.seq);
    if (filter.fromEnd) {
      const lines = ascending.slice(-limit);
      const goOnAt = ascending.length > limit ? lines[0]?.seq : stored.stoppedAt;
      return { items: lines.map(toLogLine), nextCursor: null, before: idOrNull(goOnAt), end };
    }
    // What is in memory comes after what was not looked at.
    const known = ascending.filter(({ seq }) => stored.stoppedAt === undefined || seq <= stored.stoppedAt);
    const lines = known.slice(0, limit);
    const goOnAt = known.length > limit ? lines.at(-1)?.seq : stored.stoppedAt;
    return { items: lines.map(toLogLine), nextCursor: idOrNull(goOnAt), before: null, end };
  }

  async histogram(of: LogScope, query: LogHistogramQuery): Promise<LogHistogram> {
    const filter = toCountFilter(of, query, this.#options.clock.now());
    const end = this.#lastSeq;
    const unwritten = [...this.#writer.unwritten()];
    const stored = await this.#options.store.logs.count(filter);
    // Lines are stored in their order: what the store does not have is what comes after its newest.
    const range = { ...filter, since: stored.from, until: stored.to - 1, afterSeq: stored.lastSeq };
    return histogramOf(
      stored,
      unwritten.filter((line) => matches(range, line)),
      idOfSeq(Math.max(end, stored.lastSeq)),
    );
  }

  subscribe(filter: LogFilter, listener: (lines: readonly LogLine[], skipped: number) => void): () => void {
    return this.#followers.subscribe(filter, listener);
  }

  /** Writes the rest, once, and forgets the followers. */
  async close(): Promise<void> {
    this.#followers.close();
    await this.#writer.close();
  }

  /** Room again: says where lines are missing. */
  #reportLost(): void {
    for (const entry of this.#lost.take(this.#options.clock.now())) this.append(entry);
  }
}

function idOrNull(seq: number | undefined): string | null {
  return seq === undefined ? null : idOfSeq(seq);
}
