import type { FunctionId } from '../../../shared/ids.ts';
import type { MoveKind } from '../policies/alias-move.ts';
import type { AliasRecord, Page, PageRequest } from './store.ts';

/** An alias was made, moved or deleted. Never changes; goes with its function. */
export interface AliasMoveRecord {
  readonly functionId: FunctionId;
  readonly alias: string;
  readonly kind: MoveKind;
  /** Empty: the alias was not there. */
  readonly before: AliasRecord['versions'];
  /** Empty: it is not there any more. */
  readonly after: AliasRecord['versions'];
  /** Name of who did it. */
  readonly by: string;
  /** For people; empty when nobody said. */
  readonly reason: string;
  /** Clock.now ms. */
  readonly at: number;
}

export interface AliasStore {
  /** Creates or replaces. Rejects with `precondition_failed` when `expectedRevision` is given and differs. */
  put(record: Omit<AliasRecord, 'revision'>, expectedRevision: number | undefined): Promise<AliasRecord>;
  find(functionId: FunctionId, name: string): Promise<AliasRecord | undefined>;
  list(functionId: FunctionId): Promise<readonly AliasRecord[]>;
  all(): Promise<readonly AliasRecord[]>;
  remove(functionId: FunctionId, name: string): Promise<boolean>;
  /** Inside the transaction that moves the alias. */
  noteMove(record: AliasMoveRecord): Promise<void>;
  /** The newest first; of one alias when it is named. `seq` tells them apart. */
  moves(
    functionId: FunctionId,
    alias: string | undefined,
    page: PageRequest,
  ): Promise<Page<AliasMoveRecord & { readonly seq: number }>>;
}
