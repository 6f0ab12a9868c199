import type { AliasMove } from '../../shared/api/alias-moves.ts';
import type { Alias } from '../../shared/api/functions.ts';

export type Weighted = Alias['versions'][number];

/** The share of 0 to 1 that a version has of an alias. */
export function shareOf(versions: readonly Weighted[], version: number): number {
  const sum = versions.reduce((total, item) => total + item.weight, 0);
  if (sum === 0) return 0;
  return versions.filter((item) => item.version === version).reduce((total, item) => total + item.weight, 0) / sum;
}

/** The version with the most weight, the newer one when two are equal. */
export function mainVersion(versions: readonly Weighted[]): number | undefined {
  return versions.toSorted((a, b) => b.weight - a.weight || b.version - a.version)[0]?.version;
}

/** `percent` of the traffic for the candidate, the rest for the present version. 0 and 100 leave one of them alone. */
export function splitTraffic(present: number, candidate: number, percent: number): readonly Weighted[] {
  const share = Math.min(100, Math.max(0, Math.round(percent)));
  if (present === candidate || share === 100) return [{ version: candidate, weight: 100 }];
  if (share === 0) return [{ version: present, weight: 100 }];
  return [
    { version: present, weight: 100 - share },
    { version: candidate, weight: share },
  ];
}

type Move = Pick<AliasMove, 'alias' | 'before' | 'after'>;

/** Versions that have had live traffic, as far as these moves tell. */
export function wereLive(moves: readonly Move[]): ReadonlySet<number> {
  const ofLive = moves.filter(({ alias }) => alias === 'live');
  return new Set(ofLive.flatMap(({ before, after }) => [...before, ...after].map(({ version }) => version)));
}

/** The version that was live before the present one, from moves with the newest first; undefined where they do not tell. */
export function versionBefore(moves: readonly Move[], present: number): number | undefined {
  const mains = moves.filter(({ alias }) => alias === 'live').map(({ before }) => mainVersion(before));
  return mains.find((version) => version !== undefined && version !== present);
}
