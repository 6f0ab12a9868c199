import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useRef, useState } from 'react';
import type { InvocationDetail } from '../../shared/api/invocations.ts';
import { useApi } from '../api/context.tsx';
import { usePermission } from '../api/permission.ts';
import { queries } from '../api/queries.ts';
import { processServerError, type ServerError } from '../api/server-error.ts';
import type { DraftTarget } from '../forms/use-draft.ts';
import { Callout, ErrorCallout } from '../ui/callout.tsx';
import { Spinner } from '../ui/spinner.tsx';
import { mayHaveLateLines } from '../util/late-lines.ts';
import { InvocationResult } from './invocation-result.tsx';
import { isOver } from './status.tsx';
import type { PastTest } from './test-history.tsx';

type Target = 'live' | 'draft';

/** What the panel calls: the draft as soon as something was changed, unless the other was chosen since. */
export function useTarget(draft: DraftTarget | undefined) {
  const [chosen, choose] = useState<Target>();
  const canTry = draft?.hasChanges === true;
  if (!canTry && chosen !== undefined) choose(undefined);
  const target: Target = canTry ? (chosen ?? 'draft') : 'live';
  return { target, choose, canTry, draft: target === 'draft' ? draft : undefined };
}

/** Who may not call what is chosen, or what keeps it from being made; undefined: nothing does. */
export function useTargetObstacle({ target, draft }: ReturnType<typeof useTarget>, own: string | undefined) {
  const refusals = { live: usePermission('invokeFunction'), draft: usePermission('invokeDraft') };
  return refusals[target] ?? own ?? draft?.obstacle;
}

/** The invocation's document; asked for again while it runs, and some more for log lines that were still on their way. */
function useDetail(id: string | undefined): InvocationDetail | undefined {
  const api = useApi();
  const { data } = useQuery({
    ...queries.invocation(api, id ?? ''),
    enabled: id !== undefined,
    refetchInterval: (query) => {
      const detail = query.state.data;
      if (detail === undefined) return 300;
      if (!isOver(detail.status)) return 700;
      if (query.state.dataUpdateCount < 4) return 500;
      return mayHaveLateLines(detail, Date.now()) ? 1500 : false;
    },
    retry: 5,
    retryDelay: 200,
  });
  return id === undefined ? undefined : data;
}

/** Earlier tests that the panel lists. */
const keptTests = 20;

/** What came back at once. */
export interface TestAnswer {
  readonly invocationId: string | undefined;
}

interface Run<A> {
  readonly invocationId: string | undefined;
  readonly error: ServerError | undefined;
  readonly answer: A | undefined;
}

export interface TestRunOptions<A> {
  /** Rejects with ApiError. */
  readonly send: (signal: AbortSignal) => Promise<A>;
  /** What is sent, to use it again. */
  readonly content: string;
  /** The same in one line, for people. */
  readonly summary: string;
  readonly isDraft: boolean;
  /** Why it cannot be run now. */
  readonly reason: string | undefined;
}

/** Runs one test after the other, and remembers those that were. */
export function useTestRun<A extends TestAnswer>(options: TestRunOptions<A>) {
  const queryClient = useQueryClient();
  const [past, setPast] = useState<readonly PastTest[]>([]);
  const abort = useRef<AbortController | undefined>(undefined);
  const { send, content, summary, isDraft, reason } = options;
  const test = useMutation({
    mutationFn: async (): Promise<Run<A>> => {
      abort.current = new AbortController();
      try {
        const answer = await send(abort.current.signal);
        return { invocationId: answer.invocationId, error: undefined, answer };
      } catch (thrown) {
        const error = processServerError(thrown);
        return { invocationId: error.invocationId, error, answer: undefined };
      }
    },
    onSuccess: ({ invocationId, error }) => {
      const at = new Date().toISOString();
      const done: PastTest = { at, content, summary, isSuccess: error === undefined, isDraft, invocationId };
      setPast((before) => [done, ...before].slice(0, keptTests));
    },
    onSettled: () => queryClient.invalidateQueries({ queryKey: ['metrics'] }),
  });
  const detail = useDetail(test.data?.invocationId);
  return {
    past,
    detail,
    last: test.data,
    isPending: test.isPending,
    run: () => {
      if (reason === undefined && !test.isPending) test.mutate();
    },
    cancel: () => abort.current?.abort(),
  };
}

export interface TestOutcomeProps<A> {
  readonly test: {
    readonly last: Run<A> | undefined;
    readonly detail: InvocationDetail | undefined;
    readonly isPending: boolean;
  };
  readonly isBuilding: boolean;
  /** The answer itself, where it is known better than the record has it. */
  readonly resultOf: (answer: A) => ReactNode;
  readonly isRequest?: boolean;
}

/** What came of the last test, or that it runs. */
export function TestOutcome<A>({ test, isBuilding, resultOf, isRequest = false }: TestOutcomeProps<A>) {
  const { last, detail, isPending } = test;
  return (
    <div aria-live="polite">
      {isPending && <Spinner label={isBuilding ? 'Building the draft' : 'Running'} />}
      {!isPending && last !== undefined && (
        <Outcome
          {...last}
          detail={detail}
          isRequest={isRequest}
          result={last.answer === undefined ? undefined : resultOf(last.answer)}
        />
      )}
      {last === undefined && !isPending && (
        <p className="text-sm text-muted">
          The result, the log lines of this call and where its time went appear here.
        </p>
      )}
    </div>
  );
}

interface OutcomeProps extends Pick<Run<unknown>, 'invocationId' | 'error'> {
  readonly detail: InvocationDetail | undefined;
  readonly result: ReactNode;
  readonly isRequest: boolean;
}

function Outcome({ invocationId, error, detail, result, isRequest }: OutcomeProps) {
  if (detail !== undefined) return <InvocationResult detail={detail} result={result} isRequest={isRequest} />;
  if (error?.code === 'build_failed')
    return (
      <Callout tone="danger" title="The draft was not built">
        What the build says is shown with the code.
      </Callout>
    );
  if (error !== undefined && invocationId === undefined) return <ErrorCallout error={error} />;
  return <Spinner label="Reading what was recorded" />;
}
