import { Download } from 'lucide-react';
import type { HttpAnswer } from '../api/request-call.ts';
import { answerFileName, shownBody } from '../forms/http-answer.ts';
import { Badge, type Tone } from '../ui/badge.tsx';
import { Button } from '../ui/button.tsx';
import { CodeBlock } from '../ui/copy-button.tsx';
import { saveFile } from '../util/csv.ts';
import { formatBytes } from '../util/format.ts';
import { HeaderList } from './kept-request.tsx';

const toneOf = (status: number): Tone => (status >= 500 ? 'danger' : status >= 400 ? 'warn' : 'ok');

export interface HttpAnswerViewProps {
  readonly functionName: string;
  readonly answer: HttpAnswer;
}

/** A response: its status, headers, and its body as what it is. */
export function HttpAnswerView({ functionName, answer }: HttpAnswerViewProps) {
  const { status, headers, body } = answer;
  const shown = shownBody(answer);
  const type = headers.find(({ name }) => name.toLowerCase() === 'content-type')?.value;
  return (
    <section aria-label="Response" className="flex min-w-0 flex-col gap-2">
      <p className="flex min-w-0 flex-wrap items-center gap-x-2 gap-y-1 text-sm">
        <Badge tone={toneOf(status)}>HTTP {status}</Badge>
        {type !== undefined && <code className="min-w-0 font-mono text-xs break-all text-muted">{type}</code>}
        <span className="tabular text-xs text-muted">{formatBytes(body.length)}</span>
      </p>
      <HeaderList label="Headers of the response" headers={headers} />
      {'reason' in shown ? (
        <div className="flex flex-wrap items-center gap-2">
          <p className="text-sm text-muted">{shown.reason}</p>
          <Button
            size="small"
            icon={<Download className="size-3.5" aria-hidden="true" />}
            // Never as what it says it is: on the dashboard's origin a page of a function would act as whoever is signed in.
            onClick={() => saveFile(answerFileName(functionName, type), 'application/octet-stream', body)}
          >
            Download {formatBytes(body.length)}
          </Button>
        </div>
      ) : shown.text === '' ? (
        <p className="text-sm text-muted">No body.</p>
      ) : (
        <CodeBlock text={shown.text} label="response body" />
      )}
    </section>
  );
}
