import { queryOptions, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { X } from 'lucide-react';
import { type ReactNode, useEffect, useState } from 'react';
import type { FunctionDocument } from '../../shared/api/functions.ts';
import type { NextSteps } from '../../shared/api/next-steps.ts';
import type { Api } from '../api/api.ts';
import { useApi } from '../api/context.tsx';
import { usePermission } from '../api/permission.ts';
import { queries } from '../api/queries.ts';
import { paths } from '../path-builder.ts';
import { IconButton } from '../ui/button.tsx';
import { Card } from '../ui/card.tsx';
import {
  areNextStepsHidden,
  type ChecklistMemory,
  checklistMemory,
  doneSteps,
  hideNextSteps,
  ownFunctions,
  rememberChecklist,
  type StepId,
  stepIds,
} from '../util/checklist.ts';
import { StepMark } from './step-mark.tsx';

/** Where each step is taken, for the function that was made last. */
const steps: Readonly<Record<StepId, { readonly title: string; readonly path: (name: string) => string }>> = {
  deploy: { title: 'Deploy a function', path: () => paths.newFunction() },
  call: { title: 'Call it', path: (name) => paths.function(name, 'code') },
  change: { title: 'Deploy a second version', path: (name) => paths.function(name, 'code') },
  schedule: { title: 'Let it run on a schedule', path: (name) => paths.function(name, 'triggers') },
};

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

/** What comes after the first steps; what shows it is a chunk of its own, which comes along. */
const nextStepsQuery = ({ client }: Api) =>
  queryOptions({
    queryKey: ['next-steps'],
    queryFn: async ({ signal }) => {
      const [{ NextSteps }, { items }] = await Promise.all([
        import('./next-steps.tsx'),
        client.json<NextSteps>('GET', '/api/v1/next-steps', { signal }),
      ]);
      return { NextSteps, items };
    },
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
  const isPermitted = usePermission('createFunction') === undefined;
  const areFirstDone = first.isKnown && first.done.length === stepIds.length;
  const isNext = isPermitted && areFirstDone && !first.isDismissed && !isNextHidden;
  const next = useQuery({ ...nextStepsQuery(useApi()), enabled: isNext });
  const isKnown = first.isKnown && !(isNext && next.isPending);
  if (!isKnown || !isPermitted || first.isDismissed) return { isKnown, card: null };
  if (!areFirstDone)
    return { isKnown, card: <FirstSteps functions={functions ?? []} done={first.done} onDismiss={first.dismiss} /> };
  if (!isNext || next.data === undefined || next.data.items.every(({ doneAt }) => doneAt !== null))
    return { isKnown, card: null };
  const { NextSteps, items } = next.data;
  const hide = () => {
    hideNextSteps(localStorage);
    setIsNextHidden(true);
  };
  return { isKnown, card: <NextSteps items={items} onDismiss={hide} /> };
}

interface FirstStepsProps {
  readonly functions: readonly FunctionDocument[];
  readonly done: readonly StepId[];
  readonly onDismiss: () => void;
}

function FirstSteps({ functions, done, onDismiss }: FirstStepsProps) {
  const name = (ownFunctions(functions)[0] ?? functions[0])?.name ?? '';
  return (
    <Card
      title="First steps"
      note={`${done.length} of ${stepIds.length}`}
      className="md:col-span-2"
      actions={
        <IconButton label="Hide the first steps" onClick={onDismiss}>
          <X className="size-4" aria-hidden="true" />
        </IconButton>
      }
    >
      <ol className="grid gap-x-6 gap-y-1 sm:grid-cols-2 xl:grid-cols-4">
        {stepIds.map((id) => {
          const isDone = done.includes(id);
          return (
            <li key={id} className="flex min-h-8 items-center gap-2">
              <StepMark isDone={isDone} />
              {isDone ? (
                <span className="text-muted">
                  {steps[id].title}
                  <span className="sr-only"> (done)</span>
                </span>
              ) : (
                <Link to={steps[id].path(name)}>{steps[id].title}</Link>
              )}
            </li>
          );
        })}
      </ol>
    </Card>
  );
}
