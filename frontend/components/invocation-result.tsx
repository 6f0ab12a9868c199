import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import type { InvocationDetail } from '../../shared/api/invocations.ts';
import { isDraft } from '../../shared/drafts.ts';
import { paths } from '../path-builder.ts';
import { Badge } from '../ui/badge.tsx';
import { Callout } from '../ui/callout.tsx';
import { CodeBlock } from '../ui/copy-button.tsx';
import { Tabs } from '../ui/tabs.tsx';
import { TimingBar } from '../ui/timing-bar.tsx';
import { formatBytes, formatMs, prettyJson } from '../util/format.ts';
import { notKeptText } from '../util/kept-request.ts';
import { KeptRequest } from './kept-request.tsx';
import { LogLines } from './log-lines.tsx';
import { isOver, StartBadge, StatusBadge } from './status.tsx';

function ErrorBlock({ error }: { readonly error: NonNullable<InvocationDetail['error']> }) {
  return (
    <div className="flex flex-col gap-2">
      <Callout tone="danger" title={`${error.type}: ${error.message}`} />
      {error.stack !== undefined && error.stack !== '' && <CodeBlock text={error.stack} label="stack" />}
    </div>
  );
}

function ResultBlock({ detail, result }: Pick<InvocationResultProps, 'detail' | 'result'>) {
  if (detail.error !== null) return <ErrorBlock error={detail.error} />;
  if (result) return result;
  const text = detail.result === null || detail.result === undefined ? '' : prettyJson(detail.result);
  if (text === '') {
    const kept = detail.hasRequest ? 'What it answered is with its request.' : 'No result was kept.';
    const why = isOver(detail.status) ? kept : 'It is not over yet.';
    return <p className="text-sm text-muted">{why}</p>;
  }
  return <CodeBlock text={prettyJson(text)} label="result" />;
}

export interface InvocationResultProps {
  readonly detail: InvocationDetail;
  /** The answer itself, where it is known better than the record has it. */
  readonly result?: ReactNode;
  /** It is known to be a call with an HTTP request, whatever was kept of that. */
  readonly isRequest?: boolean;
}

/** What came of an invocation, in tabs. */
export function InvocationResult({ detail, result, isRequest = false }: InvocationResultProps) {
  return (
    <div className="flex min-w-0 flex-col gap-3">
      <div className="tabular flex flex-wrap items-center gap-x-3 gap-y-1 text-sm text-muted">
        <StatusBadge status={detail.status} />
        {isDraft(detail) && <Badge tone="accent">draft</Badge>}
        {detail.httpStatus !== null && <span>HTTP {detail.httpStatus}</span>}
        {detail.timing !== null && <span>{formatMs(detail.timing.totalMs)}</span>}
        <StartBadge start={detail.start} />
        {detail.usage !== null && (
          <span>
            {formatMs(detail.usage.cpuMs)} CPU · {formatBytes(detail.usage.peakMemoryBytes)}
          </span>
        )}
        {detail.attempts > 1 && <span>attempt {detail.attempts}</span>}
        <Link to={paths.invocation(detail.id)} className="ml-auto text-accent underline">
          Details
        </Link>
      </div>
      {detail.timing !== null && <TimingBar timing={detail.timing} />}
      <Tabs
        label="Outcome"
        items={[
          {
            id: 'result',
            label: detail.error !== null ? 'Error' : isRequest ? 'Response' : 'Result',
            content: <ResultBlock detail={detail} result={result} />,
          },
          { id: 'logs', label: `Logs (${detail.logs.length})`, content: <LogLines lines={detail.logs} /> },
          {
            id: 'payload',
            label: isRequest || detail.hasRequest ? 'Request' : 'Event',
            content: detail.hasRequest ? (
              <KeptRequest detail={detail} />
            ) : detail.payload === null || detail.payload === undefined ? (
              <p className="text-sm text-muted">{notKeptText(isRequest ? 'http' : detail.trigger)}</p>
            ) : (
              <CodeBlock text={prettyJson(detail.payload)} label="event" />
            ),
          },
        ]}
      />
    </div>
  );
}
