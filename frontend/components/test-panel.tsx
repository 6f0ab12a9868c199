import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Play } from 'lucide-react';
import { useRef, useState } from 'react';
import type { InvocationDetail } from '../../shared/api/invocations.ts';
import type { ObjectSchema } from '../../shared/event-schema.ts';
import type { Api } from '../api/api.ts';
import { useApi } from '../api/context.tsx';
import { usePermission } from '../api/permission.ts';
import { queries } from '../api/queries.ts';
import { processServerError, type ServerError } from '../api/server-error.ts';
import { eventOf } from '../forms/event-values.ts';
import type { DraftTarget } from '../forms/use-draft.ts';
import { Button } from '../ui/button.tsx';
import { Callout, ErrorCallout } from '../ui/callout.tsx';
import { Card } from '../ui/card.tsx';
import { Select } from '../ui/field.tsx';
import { Spinner } from '../ui/spinner.tsx';
import { jsonError } from '../util/json-error.ts';
import { EventEditor } from './event-editor.tsx';
import { InvocationResult } from './invocation-result.tsx';
import { isOver } from './status.tsx';
import { type PastTest, TestHistory } from './test-history.tsx';

type Mode = 'sync' | 'async';
type Target = 'live' | 'draft';

interface Run {
  readonly invocationId: string | undefined;
  readonly error: ServerError | undefined;
  readonly body: string | undefined;
}

interface Call {
  readonly event: string;
  readonly mode: Mode;
  /** Undefined: the version that is live. */
  readonly draft: DraftTarget | undefined;
}

async function call(api: Api, name: string, { event, mode, draft }: Call, signal: AbortSignal): Promise<Run> {
  try {
    if (draft !== undefined) {
      const tried = await draft.call(event, signal);
      return { invocationId: tried.invocationId, error: undefined, body: tried.body };
    }
    if (mode === 'async') {
      const accepted = await api.invokeAsync(name, event, 'live');
      return { invocationId: accepted.id, error: undefined, body: undefined };
    }
    const answer = await api.invoke(name, event, { qualifier: 'live' }, signal);
    return { invocationId: answer.invocationId, error: undefined, body: answer.body };
  } catch (thrown) {
    const error = processServerError(thrown);
    return { invocationId: error.invocationId, error, body: undefined };
  }
}

/** The invocation's document; asked for again while it runs, and once more for log lines that were still on their way. */
function useDetail(id: string | undefined): InvocationDetail | undefined {
  const api = useApi();
  const { data } = useQuery({
    ...queries.invocation(api, id ?? ''),
    enabled: id !== undefined,
    refetchInterval: (query) => {
      const detail = query.state.data;
      if (detail === undefined) return 300;
      if (!isOver(detail.status)) return 700;
      return query.state.dataUpdateCount < 4 ? 500 : false;
    },
    retry: 5,
    retryDelay: 200,
  });
  return id === undefined ? undefined : data;
}

/** Earlier tests that the panel lists. */
const keptTests = 20;

const eventKey = (functionName: string) => `hearth.event.${functionName}`;

/** The last event that was sent from this tab; for the tab only, as events may hold what nobody else shall see. */
const rememberedEvent = (functionName: string) => sessionStorage.getItem(eventKey(functionName)) ?? undefined;

function rememberEvent(functionName: string, event: string): void {
  try {
    sessionStorage.setItem(eventKey(functionName), event);
  } catch {
    // The storage is full: the event is only not remembered.
  }
}

function Outcome({ run, detail }: { readonly run: Run; readonly detail: InvocationDetail | undefined }) {
  if (detail !== undefined)
    return <InvocationResult detail={detail} {...(run.body === undefined ? {} : { body: run.body })} />;
  if (run.error?.code === 'build_failed')
    return (
      <Callout tone="danger" title="The draft was not built">
        What the build says is shown with the code.
      </Callout>
    );
  if (run.error !== undefined && run.invocationId === undefined) return <ErrorCallout error={run.error} />;
  return <Spinner label="Reading what was recorded" />;
}

export interface TestPanelProps {
  readonly functionName: string;
  /** Where the version does not say what an event is. */
  readonly firstEvent: string;
  /** What the version says of its event. */
  readonly inputSchema: ObjectSchema | undefined;
  /** What is in the editor beside it; undefined where there is none. */
  readonly draft: DraftTarget | undefined;
  /** Called with a function that starts the test, for the shortcut in the other editor. */
  readonly onReady: (run: () => void) => void;
}

/** What the panel calls: the draft as soon as something was changed, unless the other was chosen since. */
function useTarget(draft: DraftTarget | undefined) {
  const [chosen, choose] = useState<Target>();
  const canTry = draft?.hasChanges === true;
  if (!canTry && chosen !== undefined) choose(undefined);
  const target: Target = canTry ? (chosen ?? 'draft') : 'live';
  return { target, choose, canTry, draft: target === 'draft' ? draft : undefined };
}

/** Calls the version that is live, or the draft, with an event, and shows what came of it: result, logs, where the time went. */
export function TestPanel({ functionName, firstEvent, inputSchema, draft, onReady }: TestPanelProps) {
  const api = useApi();
  const queryClient = useQueryClient();
  const [event, setEvent] = useState(
    () => rememberedEvent(functionName) ?? (inputSchema === undefined ? firstEvent : eventOf(inputSchema)),
  );
  const [formObstacle, setFormObstacle] = useState<string>();
  const [mode, setMode] = useState<Mode>('sync');
  const tried = useTarget(draft);
  const [past, setPast] = useState<readonly PastTest[]>([]);
  const abort = useRef<AbortController | undefined>(undefined);
  const test = useMutation({
    mutationFn: () => {
      abort.current = new AbortController();
      rememberEvent(functionName, event);
      return call(api, functionName, { event, mode, draft: tried.draft }, abort.current.signal);
    },
    onSuccess: ({ invocationId, error }) => {
      const done: PastTest = {
        at: new Date().toISOString(),
        event,
        isSuccess: error === undefined,
        isDraft: tried.target === 'draft',
        invocationId,
      };
      setPast((before) => [done, ...before].slice(0, keptTests));
    },
    onSettled: () => queryClient.invalidateQueries({ queryKey: ['metrics'] }),
  });
  const wrong = jsonError(event);
  const refusals = { live: usePermission('invokeFunction'), draft: usePermission('invokeDraft') };
  const obstacle = wrong === undefined ? (formObstacle ?? tried.draft?.obstacle) : 'The event is not valid JSON';
  const reason = refusals[tried.target] ?? obstacle;
  const run = () => {
    if (reason === undefined && !test.isPending) test.mutate();
  };
  onReady(run);
  const detail = useDetail(test.data?.invocationId);
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
          {tried.target === 'live' && (
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
          )}
          {test.isPending && (
            <Button size="small" onClick={() => abort.current?.abort()}>
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
            onClick={run}
          >
            Run
          </Button>
        </>
      }
    >
      <div className="flex flex-col gap-3">
        <EventEditor
          functionName={functionName}
          event={event}
          inputSchema={inputSchema}
          onChange={setEvent}
          onRun={run}
          onObstacle={setFormObstacle}
        />
        {tried.canTry && (
          <p className="text-xs text-muted">
            {tried.target === 'draft'
              ? 'This calls what is in the editor. Callers of the function get the deployed version.'
              : 'This calls the deployed version, without your changes.'}
          </p>
        )}
        <div aria-live="polite">
          {test.isPending && <Spinner label={draft?.isBuilding === true ? 'Building the draft' : 'Running'} />}
          {!test.isPending && test.data !== undefined && <Outcome run={test.data} detail={detail} />}
          {test.data === undefined && !test.isPending && (
            <p className="text-sm text-muted">
              The result, the log lines of this call and where its time went appear here.
            </p>
          )}
        </div>
        <TestHistory tests={past} onUse={setEvent} />
      </div>
    </Card>
  );
}
