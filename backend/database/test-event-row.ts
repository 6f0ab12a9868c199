import type { FunctionId } from '../../shared/ids.ts';

/** Table `test_events`; times in ms since 1970. */
export interface TestEventRow {
  function_id: FunctionId;
  /** '' for all of the project. */
  owner: string;
  name: string;
  size_bytes: number;
  created_at: number;
  updated_at: number;
  updated_by: string;
  body: Uint8Array;
}
