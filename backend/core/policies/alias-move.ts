import type { MoveKind } from '../../../shared/api/alias-moves.ts';

export type { MoveKind };

type Shares = readonly { readonly version: number }[];

/** What somebody did who put an alias: made it, shared its traffic out, went back to an older version, or on to another one. */
export function kindOfMove(before: Shares, after: Shares): MoveKind {
  if (after.length > 1) return 'split';
  if (before.length === 0) return 'create';
  const [whole] = after;
  return before.some(({ version }) => whole !== undefined && version > whole.version) ? 'rollback' : 'promote';
}
