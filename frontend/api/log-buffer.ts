import type { LogLine } from '../../shared/api/invocations.ts';

export interface LogSnapshot {
  readonly lines: readonly LogLine[];
  /** Lines that were dropped at the old end, because the tab keeps only so many. */
  readonly dropped: number;
}

/** The newest lines of a stream, in the order of their ids, each once, whatever arrives twice after a reconnect. */
export class LogBuffer {
  readonly #capacity: number;
  #snapshot: LogSnapshot = { lines: [], dropped: 0 };
  #lastId = '';

  constructor(options: { readonly capacity: number }) {
    this.#capacity = options.capacity;
  }

  get snapshot(): LogSnapshot {
    return this.#snapshot;
  }

  /** The id to go on from. */
  get lastId(): string {
    return this.#lastId;
  }

  /** Lines in ascending order; those that are not newer than the last one are left out. False: nothing was new. */
  add(lines: readonly LogLine[]): boolean {
    const fresh: LogLine[] = [];
    for (const line of lines) {
      if (this.#lastId !== '' && compareIds(line.id, this.#lastId) <= 0) continue;
      this.#lastId = line.id;
      fresh.push(line);
    }
    if (fresh.length === 0) return false;
    const all = [...this.#snapshot.lines, ...fresh];
    const excess = Math.max(0, all.length - this.#capacity);
    this.#snapshot = { lines: excess > 0 ? all.slice(excess) : all, dropped: this.#snapshot.dropped + excess };
    return true;
  }

  /** Older lines in ascending order; those that are not older than the first one are left out, and so are the oldest that there is no room for. */
  addOlder(lines: readonly LogLine[]): void {
    const first = this.#snapshot.lines[0]?.id;
    const older = first === undefined ? lines : lines.filter((line) => compareIds(line.id, first) < 0);
    const room = Math.max(0, this.#capacity - this.#snapshot.lines.length);
    const kept = older.slice(Math.max(0, older.length - room));
    if (kept.length === 0) return;
    if (this.#lastId === '') this.#lastId = kept.at(-1)?.id ?? '';
    const { dropped } = this.#snapshot;
    this.#snapshot = { lines: [...kept, ...this.#snapshot.lines], dropped: dropped - kept.length };
  }

  clear(): void {
    this.#snapshot = { lines: [], dropped: 0 };
  }
}

/** Ids ascend; shorter ones come first, so that numbers without leading zeros compare as numbers. */
export function compareIds(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : a > b ? 1 : 0;
}
