import { Link } from '@tanstack/react-router';
import { paths } from '../path-builder.ts';
import { Badge, Dot } from '../ui/badge.tsx';
import { Button } from '../ui/button.tsx';
import { DateTime } from '../ui/date-time.tsx';

/** One call of the test panel since it was opened. */
export interface PastTest {
  readonly at: string;
  /** What was sent, and the same in one line. */
  readonly content: string;
  readonly summary: string;
  readonly isSuccess: boolean;
  readonly isDraft: boolean;
  readonly invocationId: string | undefined;
}

/** The newest first. */
export function TestHistory({
  tests,
  onUse,
}: {
  readonly tests: readonly PastTest[];
  readonly onUse: (content: string) => void;
}) {
  if (tests.length === 0) return null;
  return (
    <details>
      <summary className="text-sm text-muted">Earlier tests ({tests.length})</summary>
      <ol className="mt-1">
        {tests.map((test) => (
          <li key={test.at} className="flex min-h-8 items-center gap-2 border-b border-line text-sm last:border-0">
            <Dot tone={test.isSuccess ? 'ok' : 'danger'} />
            <span className="sr-only">{test.isSuccess ? 'Succeeded' : 'Failed'}</span>
            <DateTime at={test.at} as="seconds" className="tabular shrink-0 text-xs text-faint" />
            {test.isDraft && <Badge tone="accent">draft</Badge>}
            <code className="min-w-0 grow truncate font-mono text-xs">{test.summary}</code>
            {test.invocationId !== undefined && (
              <Link
                to={paths.invocation(test.invocationId)}
                className="inline-flex min-h-6 items-center text-accent underline"
              >
                Details
              </Link>
            )}
            <Button size="small" tone="ghost" onClick={() => onUse(test.content)}>
              Use again
            </Button>
          </li>
        ))}
      </ol>
    </details>
  );
}
