import { useState } from 'react';
import type { FunctionDocument } from '../../shared/api/functions.ts';
import { useApi } from '../api/context.tsx';
import { type RequestAnswer, sendRequest } from '../api/request-call.ts';
import {
  credentialsIn,
  firstRequest,
  messageOf,
  obstacleOf,
  requestOf,
  requestSnippets,
  requestUrl,
  withoutCredentials,
} from '../forms/http-request.ts';
import { CopyButton } from '../ui/copy-button.tsx';
import { toast } from '../ui/toast.tsx';
import { HttpAnswerView } from './http-answer.tsx';
import { RequestEditor } from './request-editor.tsx';
import { SavedEvents } from './saved-events.tsx';
import { TargetNote, TestFrame } from './test-frame.tsx';
import { TestHistory } from './test-history.tsx';
import type { KindOfTestProps } from './test-panel.tsx';
import { TestOutcome, useTarget, useTargetObstacle, useTestRun } from './test-run.tsx';

export interface RequestTestProps extends KindOfTestProps {
  readonly fn: Pick<FunctionDocument, 'name' | 'url' | 'routes'>;
}

/** A test with an HTTP request, which takes the way that a request to the gateway takes, and shows the whole response. */
export function RequestTest(props: RequestTestProps) {
  const { fn, draft, onReady, onContent, onSent } = props;
  const api = useApi();
  const [request, setRequest] = useState(() => requestOf(props.content) ?? firstRequest(fn.routes));
  const tried = useTarget(draft);
  const message = messageOf(request);
  const reason = useTargetObstacle(tried, obstacleOf(request));
  const change = (changed: typeof request) => {
    setRequest(changed);
    onContent(messageOf(changed));
  };
  const test = useTestRun<RequestAnswer>({
    send: async (signal) => {
      onSent(message);
      const send = (id?: string) => sendRequest(api, fn.name, id, message, signal);
      return tried.draft === undefined ? await send() : await tried.draft.call(send, signal);
    },
    content: message,
    summary: `${request.method} ${request.path}`,
    isDraft: tried.target === 'draft',
    reason,
  });
  onReady(test.run);
  const use = (text: string) => {
    const read = requestOf(text);
    if (read === undefined) toast.failed('It is no request', new Error('It was saved by another version of Hearth.'));
    else change(read);
  };
  const snippets = requestSnippets(fn.name, requestUrl(fn.url, fn.routes, request), request);
  return (
    <TestFrame kind="request" onKind={props.onKind} tried={tried} test={test} reason={reason} runLabel="Send">
      <div className="flex flex-wrap items-center justify-between gap-2">
        <SavedEvents
          functionName={fn.name}
          kind="request"
          event={message}
          credentials={{ names: credentialsIn(request), without: messageOf(withoutCredentials(request)) }}
          onChoose={use}
        />
        <div className="flex flex-wrap items-center gap-x-1 text-xs text-muted">
          <CopyButton text={snippets.curl} label="Copy as curl">
            curl
          </CopyButton>
          <CopyButton text={snippets.fetch} label="Copy as fetch">
            fetch
          </CopyButton>
          <CopyButton text={snippets.cli} label="Copy as hearth invoke">
            hearth invoke
          </CopyButton>
        </div>
      </div>
      <RequestEditor request={request} hasRoutes={fn.routes.length > 0} onChange={change} onRun={test.run} />
      {reason !== undefined && <p className="text-xs text-danger">{reason}</p>}
      <TargetNote tried={tried} />
      <TestOutcome
        test={test}
        isBuilding={draft?.isBuilding === true}
        isRequest
        resultOf={({ response }) => <HttpAnswerView functionName={fn.name} answer={response} />}
      />
      <TestHistory tests={test.past} onUse={use} />
    </TestFrame>
  );
}
