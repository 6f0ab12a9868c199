import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Inbox, RotateCcw } from 'lucide-react';
import { useState } from 'react';
import type { DeadLetter } from '../../shared/api/invocations.ts';
import type { Api } from '../api/api.ts';
import { useApi } from '../api/context.tsx';
import { queries } from '../api/queries.ts';
import { FunctionFilter } from '../components/function-filter.tsx';
import { InvocationPanel } from '../components/invocation-panel.tsx';
import { LoadMore } from '../components/load-more.tsx';
import { PageHeader } from '../components/page-header.tsx';
import { PermittedButton } from '../components/permitted-button.tsx';
import { QueryView } from '../components/query-view.tsx';
import { ConfirmDialog } from '../forms/confirm-dialog.tsx';
import { paths } from '../path-builder.ts';
import { Ago } from '../ui/ago.tsx';
import { Badge } from '../ui/badge.tsx';
import { Card } from '../ui/card.tsx';
import { EmptyState } from '../ui/empty-state.tsx';
import { Table, type TableColumn } from '../ui/table.tsx';
import { toast } from '../ui/toast.tsx';
import { useNow, useUrlValue } from '../util/hooks.ts';

const reasons: Readonly<Record<DeadLetter['reason'], string>> = {
  'attempts-exhausted': 'attempts used up',
  'too-old': 'too old',
  'function-deleted': 'function deleted',
};

interface Actions {
  readonly redrive: (letter: DeadLetter) => void;
  readonly discard: (letter: DeadLetter) => void;
  readonly open: (id: string) => void;
}

function columns(now: number, actions: Actions): readonly TableColumn<DeadLetter>[] {
  return [
    {
      id: 'fn',
      label: 'Function',
      cell: (row) => (
        <Link to={paths.function(row.functionName)} className="font-medium text-text hover:underline">
          {row.functionName}
        </Link>
      ),
    },
    { id: 'reason', label: 'Why', cell: (row) => <Badge tone="danger">{reasons[row.reason]}</Badge> },
    {
      id: 'error',
      label: 'Last error',
      className: 'max-w-80 truncate',
      cell: (row) => (
        <button
          type="button"
          className="min-h-6 max-w-full truncate hover:underline"
          onClick={() => actions.open(row.invocationId)}
        >
          {row.error === null ? 'Details' : `${row.error.type}: ${row.error.message}`}
        </button>
      ),
    },
    { id: 'attempts', label: 'Attempts', isNumber: true, isSecondary: true, cell: (row) => row.attempts },
    { id: 'dead', label: 'Given up', isNumber: true, cell: (row) => <Ago at={row.deadAt} now={now} /> },
    {
      id: 'actions',
      label: 'Actions',
      isLabelHidden: true,
      isNumber: true,
      cell: (row) => (
        <span className="inline-flex gap-1.5">
          <PermittedButton operation="deleteDeadLetter" size="small" tone="ghost" onClick={() => actions.discard(row)}>
            Discard
          </PermittedButton>
          <PermittedButton
            operation="redriveDeadLetter"
            size="small"
            icon={<RotateCcw className="size-3.5" aria-hidden="true" />}
            onClick={() => actions.redrive(row)}
          >
            Redrive
          </PermittedButton>
        </span>
      ),
    },
  ];
}

/** All that a function has, on this page or not. Resolves with how many those were. */
async function redriveAll(api: Api, functionName: string): Promise<number> {
  for (let count = 0; ; ) {
    const { redriven, isComplete } = await api.redriveAll(functionName);
    count += redriven;
    // None, and still not all: what is left cannot be queued again now.
    if (isComplete || redriven === 0) return count;
  }
}

export function DeadLettersPage() {
  const api = useApi();
  const now = useNow();
  const queryClient = useQueryClient();
  const [functionName] = useUrlValue('function');
  const query = useInfiniteQuery(queries.deadLetters(api, functionName));
  const [openId, setOpenId] = useUrlValue('invocation');
  const [discarding, setDiscarding] = useState<DeadLetter | undefined>();
  const renew = () => queryClient.invalidateQueries({ queryKey: ['dead-letters'] });
  const redrive = useMutation({
    mutationFn: async (letter: DeadLetter | undefined) => {
      if (letter === undefined) return await redriveAll(api, functionName);
      await api.redrive(letter.invocationId);
      return 1;
    },
    onSuccess: (count) => toast.done(count === 1 ? 'Queued again' : `${count} invocations queued again`),
    onError: (error) => toast.failed('Not redriven', error),
    onSettled: renew,
  });
  const discard = useMutation({
    mutationFn: (letter: DeadLetter) => api.discardDeadLetter(letter.invocationId),
    onSuccess: () => toast.done('Discarded'),
    onError: (error) => toast.failed('Not discarded', error),
    onSettled: () => {
      setDiscarding(undefined);
      return renew();
    },
  });
  const letters = query.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <>
      <PageHeader
        title="Dead letters"
        note="Asynchronous invocations that were given up, kept with their events."
        actions={
          <>
            <FunctionFilter />
            <PermittedButton
              operation="redriveDeadLetters"
              isBusy={redrive.isPending}
              disabledReason={
                functionName === '' ? 'Choose a function first' : letters.length === 0 ? 'There is nothing' : undefined
              }
              icon={<RotateCcw className="size-4" aria-hidden="true" />}
              onClick={() => redrive.mutate(undefined)}
            >
              Redrive all
            </PermittedButton>
          </>
        }
      />
      <Card isFlush>
        <div className={query.data === undefined ? 'p-4' : ''}>
          <QueryView query={query} lines={6}>
            {() =>
              letters.length === 0 ? (
                <EmptyState icon={<Inbox />} title="Nothing was given up">
                  An asynchronous invocation that fails is tried again, with growing waits. When its attempts or its
                  time are used up, it stays here with its event, until you fix the function and redrive it.
                </EmptyState>
              ) : (
                <Table
                  label="Dead letters"
                  columns={columns(now, {
                    redrive: (letter) => redrive.mutate(letter),
                    discard: setDiscarding,
                    open: setOpenId,
                  })}
                  rows={letters}
                  rowKey={(row) => row.invocationId}
                />
              )
            }
          </QueryView>
          <LoadMore query={query} />
        </div>
      </Card>
      <InvocationPanel id={openId} onClose={() => setOpenId('')} />
      <ConfirmDialog
        isOpen={discarding !== undefined}
        onClose={() => setDiscarding(undefined)}
        title="Discard this event?"
        action="Discard"
        isDangerous
        isBusy={discard.isPending}
        onConfirm={() => {
          if (discarding !== undefined) discard.mutate(discarding);
        }}
      >
        <p>The event of {discarding?.functionName} is deleted for good and can no longer be redriven.</p>
      </ConfirmDialog>
    </>
  );
}
