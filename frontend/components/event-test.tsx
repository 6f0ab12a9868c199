import { useState } from 'react';
import type { ObjectSchema } from '../../shared/event-schema.ts';
import { useApi } from '../api/context.tsx';
import { CodeBlock } from '../ui/copy-button.tsx';
import { Select } from '../ui/field.tsx';
import { prettyJson } from '../util/format.ts';
import { jsonError } from '../util/json-error.ts';
import { EventEditor } from './event-editor.tsx';
import { TargetNote, TestFrame } from './test-frame.tsx';
import { TestHistory } from './test-history.tsx';
import type { KindOfTestProps } from './test-panel.tsx';
import { TestOutcome, useTarget, useTargetObstacle, useTestRun } from './test-run.tsx';

export interface EventTestProps extends KindOfTestProps {
  readonly inputSchema: ObjectSchema | undefined;
}

/** A test with an event: at once, or through the queue. */
export function EventTest(props: EventTestProps) {
  const { functionName, content: event, onContent, onSent, onReady, draft, inputSchema } = props;
  const api = useApi();
  const [formObstacle, setFormObstacle] = useState<string>();
  const [mode, setMode] = useState<'sync' | 'async'>('sync');
  const tried = useTarget(draft);
  const wrong = jsonError(event);
  const own = wrong === undefined ? formObstacle : 'The event is not valid JSON';
  const reason = useTargetObstacle(tried, own);
  const test = useTestRun<{ readonly invocationId: string | undefined; readonly body?: string }>({
    send: async (signal) => {
      onSent(event);
      if (tried.draft !== undefined)
        return await tried.draft.call((id) => api.invoke(functionName, event, { draft: id }, signal), signal);
      if (mode === 'sync') return await api.invoke(functionName, event, { qualifier: 'live' }, signal);
      return { invocationId: (await api.invokeAsync(functionName, event, 'live')).id };
    },
    content: event,
    summary: event.replaceAll(/\s+/g, ' '),
    isDraft: tried.target === 'draft',
    reason,
  });
  onReady(test.run);
  return (
    <TestFrame
      kind="event"
      onKind={props.onKind}
      tried={tried}
      test={test}
      reason={reason}
      runLabel="Run"
      choices={
        tried.target === 'live' && (
          <Select
            aria-label="How to call"
            className="!h-7"
            value={mode}
            options={[
              { value: 'sync', label: 'Wait for the result' },
              { value: 'async', label: 'Queue it (async)' },
            ]}
            onChange={(change) => setMode(change.target.value === 'async' ? 'async' : 'sync')}
          />
        )
      }
    >
      <EventEditor
        functionName={functionName}
        event={event}
        inputSchema={inputSchema}
        onChange={onContent}
        onRun={test.run}
        onObstacle={setFormObstacle}
      />
      <TargetNote tried={tried} />
      <TestOutcome
        test={test}
        isBuilding={draft?.isBuilding === true}
        resultOf={({ body = '' }) => body !== '' && <CodeBlock text={prettyJson(body)} label="result" />}
      />
      <TestHistory tests={test.past} onUse={onContent} />
    </TestFrame>
  );
}
