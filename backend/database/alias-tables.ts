import type { Generated } from 'kysely';
import type { FunctionId } from '../../shared/ids.ts';
import type { MoveKind } from '../core/policies/alias-move.ts';

/** Rows of what happened to aliases; part of the schema in tables.ts. */
export interface CanaryAbortRow {
  function_id: FunctionId;
  /** Clock.now ms. */
  at: number;
  alias: string;
  version: number;
  stable: number;
  reason: string;
}

export interface AliasMoveRow {
  seq: Generated<number>;
  function_id: FunctionId;
  alias: string;
  kind: MoveKind;
  /** JSON. */
  versions_before: string;
  /** JSON. */
  versions_after: string;
  moved_by: string;
  reason: string;
  /** Clock.now ms. */
  at: number;
}
