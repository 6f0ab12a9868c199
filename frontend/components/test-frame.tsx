import { Play } from 'lucide-react';
import type { ReactNode } from 'react';
import type { TestEventKind } from '../../shared/test-events.ts';
import { Button } from '../ui/button.tsx';
import { Card } from '../ui/card.tsx';
import { Select } from '../ui/field.tsx';
import { PressedChoice } from '../ui/pressed-choice.tsx';
import type { useTarget, useTestRun } from './test-run.tsx';

export interface TestFrameProps {
  readonly kind: TestEventKind;
  readonly onKind: (kind: TestEventKind) => void;
  readonly tried: ReturnType<typeof useTarget>;
  /** What the button runs, and what ends it. */
  readonly test: Pick<ReturnType<typeof useTestRun>, 'run' | 'cancel' | 'isPending'>;
  readonly reason: string | undefined;
  readonly runLabel: string;
  /** Beside the choice of what is called. */
  readonly choices?: ReactNode;
  readonly children: ReactNode;
}

const kinds = [
  { id: 'event', label: 'Event' },
  { id: 'request', label: 'HTTP request' },
] as const;

/** The card of a test: what is called with what, and the button that does it. */
export function TestFrame({ kind, onKind, tried, test, reason, ...parts }: TestFrameProps) {
  return (
    <Card
      title="Test"
      actions={
        <>
          {tried.canTry && (
            <Select
              aria-label="What to call"
              className="!h-7"
              value={tried.target}
              options={[
                { value: 'draft', label: 'Draft' },
                { value: 'live', label: 'Deployed version' },
              ]}
              onChange={(change) => tried.choose(change.target.value === 'live' ? 'live' : 'draft')}
            />
          )}
          {parts.choices}
          {test.isPending && (
            <Button size="small" onClick={test.cancel}>
              Cancel
            </Button>
          )}
          <Button
            tone="primary"
            size="small"
            icon={<Play className="size-3.5" aria-hidden="true" />}
            isBusy={test.isPending}
            disabledReason={reason}
            aria-keyshortcuts="Control+Enter Meta+Enter"
            onClick={test.run}
          >
            {parts.runLabel}
          </Button>
        </>
      }
    >
      <div className="flex flex-col gap-3">
        <PressedChoice
          legend="What to send"
          className="self-start"
          items={kinds}
          chosen={kind}
          onChoose={(id) => onKind(id === 'request' ? 'request' : 'event')}
        />
        {parts.children}
      </div>
    </Card>
  );
}

/** Which code a test runs, where there are changes. */
export function TargetNote({ tried }: Pick<TestFrameProps, 'tried'>) {
  if (!tried.canTry) return null;
  return (
    <p className="text-xs text-muted">
      {tried.target === 'draft'
        ? 'This calls what is in the editor. Callers of the function get the deployed version.'
        : 'This calls the deployed version, without your changes.'}
    </p>
  );
}
