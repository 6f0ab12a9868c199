import { useQuery } from '@tanstack/react-query';
import { Save } from 'lucide-react';
import { useState } from 'react';
import type { InvocationDetail } from '../../shared/api/invocations.ts';
import type { KeptRequestDocument } from '../../shared/api/kept-requests.ts';
import { curlOf } from '../../shared/request-curl.ts';
import { useApi } from '../api/context.tsx';
import { keptRequestQuery } from '../api/kept-requests.ts';
import { testEventsQuery } from '../api/test-events.ts';
import { Badge } from '../ui/badge.tsx';
import { Button } from '../ui/button.tsx';
import { CodeBlock, CopyButton } from '../ui/copy-button.tsx';
import { prettyJson } from '../util/format.ts';
import { bodySizeText, obstacleTexts, testEventOf } from '../util/kept-request.ts';
import { QueryView } from './query-view.tsx';
import { SaveEventForm } from './save-event-form.tsx';

type Message = Pick<KeptRequestDocument, 'headers' | 'body' | 'isBase64Encoded'>;

/** Headers, in their order, folded away. */
export function HeaderList({
  label,
  headers,
}: {
  readonly label: string;
  readonly headers: readonly Readonly<Message['headers'][number]>[];
}) {
  if (headers.length === 0) return null;
  return (
    <details className="min-w-0">
      <summary className="min-h-6 cursor-pointer text-sm text-muted">
        {label} ({headers.length})
      </summary>
      <dl className="grid grid-cols-[minmax(0,max-content)_minmax(0,1fr)] gap-x-3 pt-1 font-mono text-xs leading-5">
        {headers.map(({ name, value }, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a header may come twice, and the list never changes
          <div key={index} className="contents">
            <dt className="break-all text-muted">{name}</dt>
            <dd className="break-all">{value}</dd>
          </div>
        ))}
      </dl>
    </details>
  );
}

function Body({ label, message }: { readonly label: string; readonly message: Message }) {
  const { body, isBase64Encoded } = message;
  if (body === '') return <p className="text-sm text-muted">No body.</p>;
  return (
    <div className="flex min-w-0 flex-col gap-1">
      {isBase64Encoded && <p className="text-xs text-muted">No text; in base64:</p>}
      <CodeBlock text={isBase64Encoded ? body : prettyJson(body)} label={label} />
    </div>
  );
}

function Response({ response }: { readonly response: NonNullable<KeptRequestDocument['response']> }) {
  return (
    <section aria-label="Response" className="flex min-w-0 flex-col gap-2 border-t border-line pt-3">
      <p className="flex flex-wrap items-center gap-2 text-sm">
        <span className="font-medium">Answered with</span>
        <Badge tone={response.status >= 500 ? 'danger' : 'neutral'}>HTTP {response.status}</Badge>
        {response.isCut && <span className="text-xs text-muted">only the beginning was kept</span>}
      </p>
      <HeaderList label="Headers of the response" headers={response.headers} />
      {!(response.isCut && response.body === '') && <Body label="response body" message={response} />}
    </section>
  );
}

function SaveAsEvent({
  functionName,
  request,
}: {
  readonly functionName: string;
  readonly request: KeptRequestDocument;
}) {
  const { data: saved = [] } = useQuery(testEventsQuery(useApi(), functionName));
  const [isSaving, setIsSaving] = useState(false);
  if (!isSaving) {
    return (
      <Button size="small" icon={<Save className="size-3.5" aria-hidden="true" />} onClick={() => setIsSaving(true)}>
        Save as test event
      </Button>
    );
  }
  return (
    <SaveEventForm
      functionName={functionName}
      event={testEventOf(request)}
      saved={saved}
      first={{ visibility: 'private', name: '' }}
      onDone={() => setIsSaving(false)}
    />
  );
}

/** The request of a call over HTTP that was kept, what the function answered, and what can be done with it. */
export function KeptRequest({ detail }: { readonly detail: InvocationDetail }) {
  const query = useQuery(keptRequestQuery(useApi(), detail.id));
  return (
    <QueryView query={query} lines={6}>
      {(request) => (
        <div className="flex min-w-0 flex-col gap-3">
          <p className="flex min-w-0 flex-wrap items-baseline gap-x-2 gap-y-1 text-sm">
            <Badge>{request.method}</Badge>
            <code className="min-w-0 font-mono text-xs break-all">{request.url}</code>
          </p>
          <p className="text-xs text-muted">
            From {request.clientAddress} · body {bodySizeText(request)}
            {request.redacted.length > 0 && ` · left out: ${request.redacted.join(', ')}`}
          </p>
          {request.replayObstacle !== null && (
            <p className="text-sm text-muted">{obstacleTexts[request.replayObstacle]}.</p>
          )}
          <HeaderList label="Headers" headers={request.headers} />
          <Body label="request body" message={request} />
          <div className="flex flex-wrap items-center gap-2">
            <CopyButton text={curlOf(request)} label="Copy as curl">
              Copy as curl
            </CopyButton>
            <SaveAsEvent functionName={detail.functionName} request={request} />
          </div>
          {request.response !== null && <Response response={request.response} />}
        </div>
      )}
    </QueryView>
  );
}
