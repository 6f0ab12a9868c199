import type { AliasMove } from '../shared/api/alias-moves.ts';

type Move = Pick<AliasMove, 'kind' | 'before' | 'after'>;
type Shares = Move['after'];

/**
 * Where a rollback goes: the version that had all the traffic of an alias before what it has now, and was not rolled back from since.
 * `moves` are those of the alias, the oldest first; undefined when there is no such version, or none that is known of.
 *
 * Versions that had all the traffic lie on each other in the order of time. A rollback takes off what lies above where it goes, so that one
 * after another go further back, and none goes to what another one left. While the traffic is shared, it goes to what had all of it last.
 */
export function previousLive(moves: readonly Move[]): number | undefined {
  const whole: number[] = [];
  const put = (shares: Shares, isReturn: boolean): void => {
    const version = shares.length === 1 ? shares[0]?.version : undefined;
    if (version === undefined || whole.at(-1) === version) return;
    const at = isReturn ? whole.lastIndexOf(version) : -1;
    if (at === -1) whole.push(version);
    else whole.length = at + 1;
  };
  // What was live before moves were kept.
  put(moves[0]?.before ?? [], false);
  for (const { kind, after } of moves) put(after, kind === 'rollback' || kind === 'abort');
  const isShared = (moves.at(-1)?.after.length ?? 0) > 1;
  return whole.at(isShared ? -1 : -2);
}
