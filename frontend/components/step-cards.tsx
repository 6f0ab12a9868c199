import { Link } from '@tanstack/react-router';
import { Circle, CircleCheck, X } from 'lucide-react';
import type { ReactNode } from 'react';
import type { FunctionDocument } from '../../shared/api/functions.ts';
import type { NextStep, NextStepName } from '../../shared/api/next-steps.ts';
import { paths } from '../path-builder.ts';
import { IconButton } from '../ui/button.tsx';
import { Card } from '../ui/card.tsx';
import { CodeBlock } from '../ui/copy-button.tsx';
import { ownFunctions, type StepId, stepIds } from '../util/checklist.ts';

/** Whether a step is taken. The words beside it say so too. */
function StepMark({ isDone }: { readonly isDone: boolean }) {
  const Icon = isDone ? CircleCheck : Circle;
  return <Icon className={isDone ? 'size-4 shrink-0 text-ok' : 'size-4 shrink-0 text-faint'} aria-hidden="true" />;
}

/** Where each step is taken, for the function that was made last. */
const steps: Readonly<Record<StepId, { readonly title: string; readonly path: (name: string) => string }>> = {
  deploy: { title: 'Deploy a function', path: () => paths.newFunction() },
  call: { title: 'Call it', path: (name) => paths.function(name, 'code') },
  change: { title: 'Deploy a second version', path: (name) => paths.function(name, 'code') },
  schedule: { title: 'Let it run on a schedule', path: (name) => paths.function(name, 'triggers') },
};

interface FirstStepsProps {
  readonly functions: readonly FunctionDocument[];
  readonly done: readonly StepId[];
  readonly onDismiss: () => void;
}

/** The first steps with a new installation. */
export function FirstSteps({ functions, done, onDismiss }: FirstStepsProps) {
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

interface Words {
  readonly title: string;
  readonly why: ReactNode;
  /** To be copied. */
  readonly command?: string;
}

/** How each step is taken. */
const wordsOf = (origin: string): Readonly<Record<NextStepName, Words>> => ({
  cli: {
    title: 'Sign in with the command line',
    why: 'Deploy, call and follow logs from a terminal.',
    command: `hearth login --url ${origin}`,
  },
  ci: {
    title: 'Deploy from CI',
    why: 'A token for the pipeline, as HEARTH_TOKEN; docs/ci.md has the rest.',
    command: 'hearth token create ci --scope deploy --expires-days 90',
  },
  alert: {
    title: 'Set an alert',
    why: (
      <>
        Be told when calls fail or get slow: <Link to={paths.alerts()}>alert rules</Link>.
      </>
    ),
  },
  backup: {
    title: 'Make a backup',
    why: 'Everything but the key of secrets, in one file.',
    command: 'hearth backup',
  },
});

interface NextStepsProps {
  readonly items: readonly NextStep[];
  readonly onDismiss: () => void;
}

/** What is worth doing once functions run, ticked off by what the platform saw. */
export function NextSteps({ items, onDismiss }: NextStepsProps) {
  const words = wordsOf(location.origin);
  return (
    <Card
      title="Next steps"
      note={`${items.filter(({ doneAt }) => doneAt !== null).length} of ${items.length}`}
      className="md:col-span-2"
      actions={
        <IconButton label="Hide the next steps" onClick={onDismiss}>
          <X className="size-4" aria-hidden="true" />
        </IconButton>
      }
    >
      <ol className="grid gap-x-8 gap-y-3 md:grid-cols-2">
        {items.map(({ step, doneAt }) => {
          const { title, why, command } = words[step];
          const isDone = doneAt !== null;
          return (
            <li key={step} className="flex min-w-0 flex-col gap-1">
              <span className="flex min-h-6 items-center gap-2">
                <StepMark isDone={isDone} />
                <span className={isDone ? 'text-muted' : 'font-medium'}>
                  {title}
                  {isDone && <span className="sr-only"> (done)</span>}
                </span>
              </span>
              {!isDone && <p className="text-sm text-muted">{why}</p>}
              {!isDone && command !== undefined && <CodeBlock text={command} label={`command: ${title}`} />}
            </li>
          );
        })}
      </ol>
    </Card>
  );
}
