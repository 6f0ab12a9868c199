import type { LogLine } from '../../../shared/api/invocations.ts';
import { projectOf } from '../../../shared/names.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { LogFilter } from '../../core/ports/log-sink.ts';
import type { StoredLogLine } from '../../core/ports/log-store.ts';
import type { Logger } from '../../core/ports/logger.ts';
import { containsText, fitsTerms, levelsFrom, toLogLine } from './log-line.ts';

/** At most 10 batches a second of at most 200 lines each, to every follower. */
const batchIntervalMs = 100;
const maxBatchLines = 200;
/** A burst is spread over the next second; of what exceeds that the oldest lines are skipped. */
const maxBacklogLines = 2_000;
/** Lines that come together after a pause go out together. */
const gatherMs = 10;

interface Follower {
  readonly accepts: (line: StoredLogLine) => boolean;
  readonly listener: (lines: readonly LogLine[], skipped: number) => void;
  backlog: StoredLogLine[];
  skipped: number;
}

export interface LogFollowersOptions {
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Gives lines to those who watch, at a pace that a browser can follow. Costs nothing while nobody watches. */
export class LogFollowers {
  readonly #options: LogFollowersOptions;
  readonly #followers = new Set<Follower>();
  #cancelTimer: (() => void) | undefined;
  #deliveredAt = Number.NEGATIVE_INFINITY;

  constructor(options: LogFollowersOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#followers.size;
  }

  subscribe(filter: LogFilter, listener: Follower['listener']): () => void {
    const levels = levelsFrom(filter.level);
    const accepts = (line: StoredLogLine) =>
      (filter.project === undefined || projectOf(line.functionName) === filter.project) &&
      (filter.functionId === undefined || line.functionId === filter.functionId) &&
      (filter.invocationId === undefined || line.invocationId === filter.invocationId) &&
      (levels === undefined || levels.includes(line.level)) &&
      containsText(line.text, filter.search) &&
      fitsTerms(filter.terms, line);
    const follower: Follower = { accepts, listener, backlog: [], skipped: 0 };
    this.#followers.add(follower);
    return () => {
      this.#followers.delete(follower);
      if (this.#followers.size === 0) this.#disarm();
    };
  }

  offer(line: StoredLogLine): void {
    for (const follower of this.#followers) {
      if (!follower.accepts(line)) continue;
      follower.backlog.push(line);
      // Twice the bound before it is cut, so that cutting costs little per line.
      if (follower.backlog.length >= 2 * maxBacklogLines) cut(follower);
      this.#arm();
    }
  }

  close(): void {
    this.#followers.clear();
    this.#disarm();
  }

  #arm(): void {
    if (this.#cancelTimer !== undefined) return;
    const { clock } = this.#options;
    const waitMs = Math.max(gatherMs, this.#deliveredAt + batchIntervalMs - clock.monotonic());
    this.#cancelTimer = clock.after(waitMs, () => {
      this.#cancelTimer = undefined;
      this.#deliver();
    });
  }

  #disarm(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  #deliver(): void {
    this.#deliveredAt = this.#options.clock.monotonic();
    /** Each line is turned into its document once, however many watch. */
    const documents = new Map<number, LogLine>();
    for (const follower of [...this.#followers]) {
      if (follower.backlog.length === 0) continue;
      cut(follower);
      const lines = follower.backlog.slice(0, maxBatchLines).map((line) => documentOf(documents, line));
      const { skipped } = follower;
      follower.backlog = follower.backlog.slice(maxBatchLines);
      follower.skipped = 0;
      try {
        follower.listener(lines, skipped);
      } catch (error) {
        this.#options.logger.error({ err: error }, 'a follower of the log failed');
      }
    }
    for (const { backlog } of this.#followers) if (backlog.length > 0) this.#arm();
  }
}

function cut(follower: Follower): void {
  const excess = follower.backlog.length - maxBacklogLines;
  if (excess <= 0) return;
  follower.backlog = follower.backlog.slice(excess);
  follower.skipped += excess;
}

function documentOf(documents: Map<number, LogLine>, line: StoredLogLine): LogLine {
  const known = documents.get(line.seq);
  if (known !== undefined) return known;
  const document = toLogLine(line);
  documents.set(line.seq, document);
  return document;
}
