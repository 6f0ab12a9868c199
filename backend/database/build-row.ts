import type { BuildSource, BuildState } from '../../shared/api/builds.ts';
import type { BuildId } from '../../shared/ids.ts';

/** Table `builds`; times in ms since 1970. */
export interface BuildRow {
  id: BuildId;
  /** Of the function's full name. */
  project: string;
  function_name: string;
  state: BuildState;
  /** JSON. */
  steps: string;
  created_at: number;
  /** Null while it runs. */
  finished_at: number | null;
  created_by: string;
  source: BuildSource;
  message: string;
  version: number | null;
  /** JSON. */
  error: string | null;
  /** JSON, and the last column: lists do not read it. */
  log: string;
}
