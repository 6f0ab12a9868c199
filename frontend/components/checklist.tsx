import { queryOptions, useQuery } from '@tanstack/react-query';
import { type ReactNode, useEffect, useState } from 'react';
import type { FunctionDocument } from '../../shared/api/functions.ts';
import type { NextSteps } from '../../shared/api/next-steps.ts';
import type { Api } from '../api/api.ts';
import { useApi } from '../api/context.tsx';
import { usePermission } from '../api/permission.ts';
import { queries } from '../api/queries.ts';
import {
  areNextStepsHidden,
  type ChecklistMemory,
  checklistMemory,
  doneSteps,
  hideNextSteps,
  mayHaveSteps,
  rememberChecklist,
  stepIds,
} from '../util/checklist.ts';

/** The first steps that were taken, and what this browser remembers of them. */
function useFirstSteps(functions: readonly FunctionDocument[] | undefined) {
  const [memory, setMemory] = useState(() => checklistMemory(localStorage));
  const isOver = memory.isDismissed || memory.done.length === stepIds.length;
  const schedules = useQuery({ ...queries.schedules(useApi(), undefined), enabled: !isOver });
  const isKnown = isOver || (!schedules.isPending && functions !== undefined);
  const facts = { functions: functions ?? [], schedules: schedules.data?.items.length ?? 0 };
  const done = isOver || !isKnown ? memory.done : doneSteps(facts, memory);
  const remember = (next: ChecklistMemory) => {
    rememberChecklist(localStorage, next);
    setMemory(next);
  };
  const isNews = done.length > memory.done.length;
  // biome-ignore lint/correctness/useExhaustiveDependencies: `remember` is another one with every rendering
  useEffect(() => {
    if (isNews) remember({ ...memory, done });
  }, [isNews, memory, done]);
  return {
    isKnown,
    isDismissed: memory.isDismissed,
    done,
    dismiss: () => remember({ isDismissed: true, done }),
  };
}

/** What shows steps is a chunk of its own. */
const loadCards = () => import('./step-cards.tsx');
// Begun before it is known whether there are any steps: a chunk that waits for answers comes a round trip later.
if (mayHaveSteps(localStorage)) void loadCards().catch(() => undefined);

const cardsQuery = queryOptions({
  queryKey: ['step-cards'],
  queryFn: async () => {
    const { FirstSteps, NextSteps } = await loadCards();
    return { FirstSteps, NextSteps };
  },
  staleTime: Number.POSITIVE_INFINITY,
});

const nextStepsQuery = ({ client }: Api) =>
  queryOptions({
    queryKey: ['next-steps'],
    queryFn: ({ signal }) => client.json<NextSteps>('GET', '/api/v1/next-steps', { signal }),
    refetchInterval: 30_000,
  });

/**
 * The steps that are to be taken, the first ones and then the next, until all are taken or nobody wants to see them. `isKnown`: whether there
 * are any; what is below them would move when they come late.
 */
export function useChecklist(functions: readonly FunctionDocument[] | undefined): {
  readonly isKnown: boolean;
  readonly card: ReactNode;
} {
  const first = useFirstSteps(functions);
  const [isNextHidden, setIsNextHidden] = useState(() => areNextStepsHidden(localStorage));
  const isWanted = usePermission('createFunction') === undefined && !first.isDismissed;
  const areFirstDone = first.isKnown && first.done.length === stepIds.length;
  const isFirst = isWanted && first.isKnown && !areFirstDone;
  const isNext = isWanted && areFirstDone && !isNextHidden;
  const next = useQuery({ ...nextStepsQuery(useApi()), enabled: isNext });
  const items = next.data?.items ?? [];
  const isNextLeft = isNext && items.some(({ doneAt }) => doneAt === null);
  const cards = useQuery({ ...cardsQuery, enabled: isFirst || isNext });
  const isKnown = first.isKnown && !(isNext && next.isPending) && !((isFirst || isNext) && cards.isPending);
  if (!isKnown || cards.data === undefined) return { isKnown, card: null };
  const { FirstSteps, NextSteps } = cards.data;
  if (isFirst)
    return { isKnown, card: <FirstSteps functions={functions ?? []} done={first.done} onDismiss={first.dismiss} /> };
  const hide = () => {
    hideNextSteps(localStorage);
    setIsNextHidden(true);
  };
  return { isKnown, card: isNextLeft ? <NextSteps items={items} onDismiss={hide} /> : null };
}
