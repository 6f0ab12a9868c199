import type { FunctionId, InvocationId } from '../../shared/ids.ts';

/** Table `requests`; times in ms since 1970. */
export interface RequestRow {
  invocation_id: InvocationId;
  function_id: FunctionId;
  kept_at: number;
  /** About what it takes, for the bounds. */
  bytes: number;
  /** Everything but the bodies, as JSON. */
  head: string;
  body: Uint8Array;
  response_body: Uint8Array | null;
}
