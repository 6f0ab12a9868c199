import { bytesOfRequest } from '../../core/kept-request.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { InvocationJournal } from '../../core/ports/invocation-journal.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { InvocationPayload, InvocationRecord, Store } from '../../core/ports/store.ts';
import { GroupWriter } from '../group-writer.ts';

export interface GroupedJournalOptions {
  readonly store: { readonly invocations: Pick<Store['invocations'], 'record'> };
  readonly clock: Clock;
  readonly logger: Logger;
  /** Unwritten records; 50,000 when left out. */
  readonly maxPending?: number;
  /** Bytes of unwritten records with their payloads; 64 MiB when left out. */
  readonly maxPendingBytes?: number;
  /** 50 when left out. */
  readonly flushIntervalMs?: number;
}

interface Entry {
  readonly record: InvocationRecord;
  readonly payload: InvocationPayload | undefined;
}

/** About what a record takes in memory without payload and error. */
const recordBytes = 1_024;
const maxBatch = 500;

/** Writes the records of finished invocations in groups: one transaction for up to 500 of them instead of one each. */
export class GroupedJournal implements InvocationJournal {
  readonly #writer: GroupWriter<Entry>;

  constructor(options: GroupedJournalOptions) {
    const { store, clock, logger } = options;
    this.#writer = new GroupWriter<Entry>({
      name: 'invocation records',
      clock,
      logger,
      write: (batch) => store.invocations.record(batch),
      costOf: bytesOf,
      maxCost: options.maxPendingBytes ?? 64 * 1024 * 1024,
      maxItems: options.maxPending ?? 50_000,
      maxBatch,
      intervalMs: options.flushIntervalMs ?? 50,
      onDropped: () => undefined,
    });
  }

  get dropped(): number {
    return this.#writer.dropped;
  }
  /** Writes that failed since the start. */
  get storeFailures(): number {
    return this.#writer.failures;
  }
  get pendingCount(): number {
    return this.#writer.unwrittenCount;
  }

  append(record: InvocationRecord, payload: InvocationPayload | undefined): void {
    this.#writer.push({ record, payload });
  }

  /**
   * Looks through what is not written yet, the newest record of that id. An index by id would cost every call something, and a list of
   * a few thousand records is read through rarely.
   */
  pending(id: string): (InvocationRecord & Partial<InvocationPayload>) | undefined {
    let found: Entry | undefined;
    for (const entry of this.#writer.unwritten()) if (entry.record.id === id) found = entry;
    if (found === undefined) return undefined;
    const hasRequest = found.payload?.request !== undefined;
    return { ...found.record, ...found.payload, ...(hasRequest ? { hasRequest } : {}) };
  }

  flush(): Promise<void> {
    return this.#writer.flush();
  }

  /** Writes the rest, once. */
  close(): Promise<void> {
    return this.#writer.close();
  }
}

function bytesOf({ record, payload }: Entry): number {
  const error = record.error;
  const errorChars = error === undefined ? 0 : error.message.length + (error.stack?.length ?? 0);
  const request = payload?.request === undefined ? 0 : bytesOfRequest(payload.request);
  return recordBytes + errorChars * 2 + (payload?.payload?.length ?? 0) + (payload?.result?.length ?? 0) + request;
}
