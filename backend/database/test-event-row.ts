import type { FunctionId } from '../../shared/ids.ts';
import type { TestEventKind } from '../../shared/test-events.ts';

/** Table `test_events`; times in ms since 1970. */
export interface TestEventRow {
  function_id: FunctionId;
  /** '' for all of the project. */
  owner: string;
  name: string;
  kind: TestEventKind;
  size_bytes: number;
  created_at: number;
  updated_at: number;
  updated_by: string;
  body: Uint8Array;
}
