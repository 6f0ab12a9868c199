import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Circle, CircleCheck, X } from 'lucide-react';
import { useEffect, useState } from 'react';
import type { FunctionDocument } from '../../shared/api/functions.ts';
import { useApi } from '../api/context.tsx';
import { usePermission } from '../api/permission.ts';
import { queries } from '../api/queries.ts';
import { paths } from '../path-builder.ts';
import { IconButton } from '../ui/button.tsx';
import { Card } from '../ui/card.tsx';
import {
  checklistMemory,
  doneSteps,
  ownFunctions,
  rememberChecklist,
  type StepId,
  stepIds,
} from '../util/checklist.ts';

/** Where each step is taken, for the function that was made last. */
const steps: Readonly<Record<StepId, { readonly title: string; readonly path: (name: string) => string }>> = {
  deploy: { title: 'Deploy a function', path: () => paths.newFunction() },
  call: { title: 'Call it', path: (name) => paths.function(name, 'code') },
  change: { title: 'Deploy a second version', path: (name) => paths.function(name, 'code') },
  schedule: { title: 'Let it run on a schedule', path: (name) => paths.function(name, 'triggers') },
};

/** Whether it is known if there are steps to show; what is below them would move when they come late. */
export function useIsChecklistKnown(): boolean {
  const [{ isDismissed, done }] = useState(() => checklistMemory(localStorage));
  const enabled = !isDismissed && done.length < stepIds.length;
  return !useQuery({ ...queries.schedules(useApi(), undefined), enabled }).isLoading;
}

/** The first steps with a new installation, until all are taken or nobody wants to see them. */
export function Checklist({ functions }: { readonly functions: readonly FunctionDocument[] }) {
  const schedules = useQuery(queries.schedules(useApi(), undefined)).data;
  const [memory, setMemory] = useState(() => checklistMemory(localStorage));
  const done = doneSteps({ functions, schedules: schedules?.items.length ?? 0 }, memory);
  const isNews = done.length > memory.done.length;
  useEffect(() => {
    if (!isNews) return;
    const next = { ...memory, done };
    rememberChecklist(localStorage, next);
    setMemory(next);
  }, [isNews, memory, done]);
  const refusal = usePermission('createFunction');
  if (refusal !== undefined || memory.isDismissed || done.length === stepIds.length || schedules === undefined)
    return null;
  const dismiss = () => {
    const next = { isDismissed: true, done };
    rememberChecklist(localStorage, next);
    setMemory(next);
  };
  const name = (ownFunctions(functions)[0] ?? functions[0])?.name ?? '';
  return (
    <Card
      title="First steps"
      note={`${done.length} of ${stepIds.length}`}
      className="md:col-span-2"
      actions={
        <IconButton label="Hide the first steps" onClick={dismiss}>
          <X className="size-4" aria-hidden="true" />
        </IconButton>
      }
    >
      <ol className="grid gap-x-6 gap-y-1 sm:grid-cols-2 xl:grid-cols-4">
        {stepIds.map((id) => {
          const isDone = done.includes(id);
          const Icon = isDone ? CircleCheck : Circle;
          return (
            <li key={id} className="flex min-h-8 items-center gap-2">
              <Icon className={isDone ? 'size-4 text-ok' : 'size-4 text-faint'} aria-hidden="true" />
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
