import type { FunctionId } from '../../../shared/ids.ts';
import type { TestEventKind } from '../../../shared/test-events.ts';

/** What names one event: two people may each have one of the same name, and all of the project another. */
export interface TestEventKey {
  readonly functionId: FunctionId;
  /** Id of the user or token that alone sees it; undefined for all of the project. */
  readonly owner: string | undefined;
  readonly name: string;
}

/** An event that somebody keeps to call a function with it again, without what is in it. */
export interface TestEventRecord extends TestEventKey {
  readonly kind: TestEventKind;
  readonly sizeBytes: number;
  /** Clock.now ms. */
  readonly createdAt: number;
  readonly updatedAt: number;
  /** Name of a user or token. */
  readonly updatedBy: string;
}

/** What is in one, as it was sent. */
export interface TestEventContent {
  readonly kind: TestEventKind;
  readonly body: Buffer;
}

export interface TestEventStore {
  /** Of all the project, then of this owner; each by name. */
  list(functionId: FunctionId, owner: string): Promise<readonly TestEventRecord[]>;
  content(key: TestEventKey): Promise<TestEventContent | undefined>;
  /** Makes one, or replaces all of it but `createdAt`. Rejects with `not_found` when the function is gone. */
  put(record: TestEventRecord, body: Buffer): Promise<void>;
  /** False when there was none. */
  remove(key: TestEventKey): Promise<boolean>;
  /** All that only this owner sees, of every function; for when a user or token is deleted. */
  removeOwned(owner: string): Promise<void>;
}
