import type { Gap, LogEvent } from '../../../shared/api/events.ts';
import type { LogLine, LogQuery } from '../../../shared/api/invocations.ts';
import type { LogReader, LogScope } from '../../core/ports/log-sink.ts';
import type { Feed, Outlet } from './feed.ts';

export interface LogFeedOptions {
  readonly logs: LogReader;
  readonly outlet: Outlet;
  readonly topic: string;
  readonly cursorKey: string;
  readonly scope: LogScope;
  /** Lines of the past that a new reader gets. */
  readonly tail: number;
  /** The last line that the reader has; undefined: it is new. */
  readonly from: string | undefined;
  /** The store does not answer, or `from` is no line. The feed is closed then. */
  readonly onFailed: (error: unknown) => void;
}

const pageLines = 200;
/** What a reader that was away gets line by line. One that is further behind goes on with the newest lines. */
const maxCatchUpLines = 10_000;
/** Pages that are counted for the mark of what was left out. */
const maxCountedPages = 250;
/** Of lines in one event. */
const maxEventChars = 64 * 1024;

/** Ids ascend; they compare by length first, so that numbers without leading zeros do too. */
const isAfter = (id: string, other: string) => (id.length === other.length ? id > other : id.length > other.length);

/**
 * Log lines, each once and in order. The store is what a reader comes back to: after a pause, a restart of the platform or
 * a slow time of its own it reads on from its last line there, so memory holds no lines that wait. Only one that is more than
 * 10,000 lines behind, or a flood that the followers of the log do not get either, loses lines, and is told how many.
 */
export class LogFeed implements Feed {
  readonly cursorKey: string;
  readonly #options: LogFeedOptions;
  readonly #unsubscribe: () => void;
  #position: string | undefined;
  /** Lines have come that were not sent; the store has them. */
  #isBehind = true;
  #isReading = false;
  #isClosed = false;

  constructor(options: LogFeedOptions) {
    const { logs, scope, cursorKey, from } = options;
    this.#options = options;
    this.cursorKey = cursorKey;
    this.#position = from;
    // Before the first look at the store: what is written in between is then in one of the two, or in both.
    const filter = { ...scope, invocationId: undefined, level: undefined, search: undefined };
    this.#unsubscribe = logs.subscribe(filter, (lines, skipped) => this.#offer(lines, skipped));
  }

  get position(): string | undefined {
    return this.#position;
  }

  pump(): void {
    if (!this.#isBehind || this.#isReading || this.#isClosed) return;
    this.#isReading = true;
    this.#read()
      .catch((error: unknown) => {
        if (this.#isClosed) return;
        this.close();
        this.#options.onFailed(error);
      })
      .finally(() => {
        this.#isReading = false;
        // A line that came between the last look and here.
        this.pump();
      });
  }

  close(): void {
    this.#isClosed = true;
    this.#unsubscribe();
  }

  #offer(lines: readonly LogLine[], skipped: number): void {
    if (this.#isReading || this.#isBehind || this.#options.outlet.isBlocked) {
      this.#isBehind = true;
      return;
    }
    if (skipped > 0) this.#sendGap(skipped, false);
    for (const part of inParts(this.#fresh(lines))) {
      if (this.#options.outlet.isBlocked) {
        this.#isBehind = true;
        return;
      }
      this.#send(part);
    }
  }

  async #read(): Promise<void> {
    if (this.#position === undefined) await this.#readTail();
    let sent = 0;
    while (this.#isBehind && !this.#isClosed) {
      this.#isBehind = false;
      const page = await this.#query(this.#position);
      await this.#sendPatiently(page.items);
      sent += page.items.length;
      // What was looked at in vain is not looked at again.
      this.#advance(page.nextCursor ?? page.end);
      if (page.nextCursor === null) continue;
      this.#isBehind = true;
      if (sent >= maxCatchUpLines) {
        await this.#leaveOut();
        sent = 0;
      }
    }
  }

  /** The newest lines, and where the log is now. */
  async #readTail(): Promise<void> {
    const { tail } = this.#options;
    const { items, end } = await this.#query(undefined, Math.max(1, tail));
    if (tail > 0) await this.#sendPatiently(items);
    this.#advance(end);
  }

  #advance(id: string): void {
    if (!this.#isClosed && (this.#position === undefined || isAfter(id, this.#position))) this.#position = id;
  }

  /** Goes on with the last lines there are, and says how many lie between. */
  async #leaveOut(): Promise<void> {
    let lost = 0;
    let before = this.#position;
    let page = await this.#query(before);
    for (let pages = 1; page.nextCursor !== null && pages < maxCountedPages; pages++) {
      lost += page.items.length;
      before = page.nextCursor;
      page = await this.#query(before);
    }
    const isAtLeast = page.nextCursor !== null;
    if (isAtLeast) {
      lost += page.items.length;
      before = page.nextCursor ?? before;
    }
    if (this.#isClosed || lost === 0) return;
    await this.#options.outlet.drained();
    this.#position = before;
    this.#sendGap(lost, isAtLeast);
    await this.#sendPatiently(isAtLeast ? (await this.#query(undefined)).items : page.items);
  }

  #query(cursor: string | undefined, limit = pageLines): ReturnType<LogReader['query']> {
    const query: LogQuery = { limit, ...(cursor === undefined ? {} : { cursor }) };
    return this.#options.logs.query(this.#options.scope, query);
  }

  async #sendPatiently(lines: readonly LogLine[]): Promise<void> {
    const { outlet } = this.#options;
    for (const part of inParts(this.#fresh(lines))) {
      if (outlet.isBlocked) await outlet.drained();
      if (this.#isClosed) return;
      this.#send(part);
    }
  }

  #fresh(lines: readonly LogLine[]): readonly LogLine[] {
    const last = this.#position;
    return last === undefined ? lines : lines.filter(({ id }) => isAfter(id, last));
  }

  #send(lines: readonly LogLine[]): void {
    const { outlet, topic } = this.#options;
    this.#position = lines.at(-1)?.id ?? this.#position;
    const event: LogEvent = { topic, lines: [...lines] };
    outlet.send('log', JSON.stringify(event));
  }

  #sendGap(lost: number, isAtLeast: boolean): void {
    const { outlet, topic } = this.#options;
    const gap: Gap = { topic, lost, isAtLeast };
    outlet.send('gap', JSON.stringify(gap));
  }
}

/** Parts of a few lines each, so that what is sent beyond a full buffer is little. */
function inParts(lines: readonly LogLine[]): readonly (readonly LogLine[])[] {
  const parts: LogLine[][] = [];
  let chars = 0;
  for (const line of lines) {
    if (parts.length === 0 || chars > maxEventChars) {
      parts.push([]);
      chars = 0;
    }
    parts.at(-1)?.push(line);
    chars += line.text.length;
  }
  return parts;
}
