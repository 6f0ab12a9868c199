import { Link } from '@tanstack/react-router';
import { X } from 'lucide-react';
import type { ReactNode } from 'react';
import type { NextStep, NextStepName } from '../../shared/api/next-steps.ts';
import { paths } from '../path-builder.ts';
import { IconButton } from '../ui/button.tsx';
import { Card } from '../ui/card.tsx';
import { CodeBlock } from '../ui/copy-button.tsx';
import { StepMark } from './step-mark.tsx';

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

export interface NextStepsProps {
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
