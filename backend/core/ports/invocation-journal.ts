import type { InvocationPayload, InvocationRecord } from './store.ts';

/** Takes the records of finished synchronous invocations off the hot path and writes them in groups. */
export interface InvocationJournal {
  /** Synchronous, never throws; bounded: when the store cannot follow, the oldest unwritten records go and are counted. */
  append(record: InvocationRecord, payload: InvocationPayload | undefined): void;
  /** One that is not written yet, so that a caller finds its invocation at once. */
  pending(id: string): (InvocationRecord & Partial<InvocationPayload>) | undefined;
  flush(): Promise<void>;
  readonly dropped: number;
}
