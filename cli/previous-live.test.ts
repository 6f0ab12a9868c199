import { expect, it } from 'vitest';
import { kindOfMove } from '../backend/core/policies/alias-move.ts';
import type { AliasMove } from '../shared/api/alias-moves.ts';
import { previousLive } from './previous-live.ts';

type Step = number | readonly number[] | { readonly deployed: number } | { readonly abortedTo: number };

/** Moves as the platform writes them down. */
function moves(
  steps: readonly Step[],
  before: readonly number[] = [],
): readonly Pick<AliasMove, 'kind' | 'before' | 'after'>[] {
  let shares = before;
  return steps.map((step) => {
    const isObject = typeof step === 'object' && !Array.isArray(step);
    const after = [Object.values(isObject ? step : [step]).flat() as number[]].flat();
    const of = (versions: readonly number[]) => versions.map((version) => ({ version, weight: 1 }));
    const policy = kindOfMove(of(shares), of(after));
    const kind = !isObject ? policy : 'deployed' in step ? ('deploy' as const) : ('abort' as const);
    const move = { kind, before: of(shares), after: of(after) };
    shares = after;
    return move;
  });
}

it.each<[string, readonly Step[], number | undefined]>([
  ['nothing is known', [], undefined],
  ['one version was ever live', [{ deployed: 1 }], undefined],
  ['version 2 was deployed and never live', [{ deployed: 1 }, { deployed: 3 }], 1],
  ['it was rolled back once', [{ deployed: 1 }, { deployed: 2 }, { deployed: 3 }, 2], 1],
  [
    'it was rolled back as far as it goes, and does not come forward again',
    [{ deployed: 1 }, { deployed: 3 }, 1],
    undefined,
  ],
  ['what was rolled back from was put live again', [{ deployed: 1 }, { deployed: 3 }, 1, 3], 1],
  ['it was moved to an older one that was never live', [{ deployed: 3 }, 2], 3],
  ['a canary takes traffic', [{ deployed: 1 }, { deployed: 2 }, [2, 3]], 2],
  ['the canary changed its share', [{ deployed: 1 }, { deployed: 2 }, [2, 3], [2, 3]], 2],
  ['the canary was taken back', [{ deployed: 1 }, { deployed: 2 }, [2, 3], { abortedTo: 2 }], 1],
  ['the canary became live', [{ deployed: 1 }, { deployed: 2 }, [2, 3], 3], 2],
])('goes back to %s', (_what, steps, version) => {
  expect(previousLive(moves(steps))).toBe(version);
});

it('knows what was live before moves were kept', () => {
  expect(previousLive(moves([{ deployed: 5 }], [4]))).toBe(4);
});
