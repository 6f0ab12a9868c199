import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { ListTree, RotateCcw } from 'lucide-react';
import type { ReactNode } from 'react';
import type { InvocationDocument } from '../../shared/api/invocations.ts';
import type { Timing } from '../../shared/invocation.ts';
import { useApi } from '../api/context.tsx';
import { queries } from '../api/queries.ts';
import { Button } from '../ui/button.tsx';
import { Card } from '../ui/card.tsx';
import { DateTime } from '../ui/date-time.tsx';
import { EmptyState } from '../ui/empty-state.tsx';
import { Table, type TableColumn } from '../ui/table.tsx';
import { toast } from '../ui/toast.tsx';
import { formatBytes, formatDateTime, formatMs } from '../util/format.ts';
import { useTimeRange, useUrlValue } from '../util/hooks.ts';
import { type TimeZone, useTimeZone } from '../util/time-zone.ts';
import { fillOf, phasesOf } from '../util/timing.ts';
import { versionText } from '../util/version-text.ts';
import { InvocationFilters, useInvocationFilter } from './invocation-filters.tsx';
import { InvocationPanel } from './invocation-panel.tsx';
import { LoadMore } from './load-more.tsx';
import { PermittedButton } from './permitted-button.tsx';
import { QueryView } from './query-view.tsx';
import { RangeChoice } from './range-picker.tsx';
import { selectColumn } from './select-column.tsx';
import { StartBadge, StatusBadge } from './status.tsx';
import { type Selection, useSelection } from './use-selection.ts';

/** A bar as long as the call took, in relation to the longest one shown; its pieces are the phases. */
function DurationBar({ timing, longestMs }: { readonly timing: Timing | null; readonly longestMs: number }) {
  if (timing === null) return null;
  return (
    <span aria-hidden="true" className="inline-flex h-2 w-24 overflow-hidden rounded-sm bg-raised">
      {phasesOf(timing).map((phase) => (
        <span
          key={phase.id}
          style={{ width: `${(phase.ms / Math.max(longestMs, 0.01)) * 100}%`, background: fillOf(phase) }}
        />
      ))}
    </span>
  );
}

function columns(
  longestMs: number,
  withFunction: boolean,
  zone: TimeZone,
  onOpen: (id: string) => void,
  selection: Selection,
): readonly TableColumn<InvocationDocument>[] {
  return [
    selectColumn(
      selection,
      (row) => row.id,
      (row) => `Select the call of ${formatDateTime(row.createdAt, zone)}`,
    ),
    {
      id: 'at',
      label: 'Time',
      onPhone: 'bare',
      cell: (row) => (
        <button type="button" className="min-h-6 whitespace-nowrap hover:underline" onClick={() => onOpen(row.id)}>
          <DateTime at={row.createdAt} />
        </button>
      ),
    },
    ...(withFunction
      ? [
          {
            id: 'fn',
            label: 'Function',
            onPhone: 'line' as const,
            cell: (row: InvocationDocument) => <span className="font-medium">{row.functionName}</span>,
          },
        ]
      : []),
    {
      id: 'status',
      label: 'Status',
      onPhone: 'bare',
      cell: (row) => (
        <span className="inline-flex items-center gap-1.5 align-middle">
          <StatusBadge status={row.status} />
          {row.httpStatus !== null && row.httpStatus >= 400 && (
            <span className="tabular text-xs text-muted">{row.httpStatus}</span>
          )}
        </span>
      ),
    },
    { id: 'version', label: 'Version', isNumber: true, isSecondary: true, cell: versionText },
    { id: 'trigger', label: 'Trigger', isSecondary: true, cell: (row) => row.trigger },
    { id: 'start', label: 'Start', isSecondary: true, cell: (row) => <StartBadge start={row.start} /> },
    {
      id: 'ms',
      label: 'Duration',
      isNumber: true,
      onPhone: 'bare',
      cell: (row) => (
        <span className="inline-flex items-center gap-2.5 align-middle">
          <span className="hidden sm:inline-flex">
            <DurationBar timing={row.timing} longestMs={longestMs} />
          </span>
          <span className="sm:min-w-14">{formatMs(row.timing?.totalMs)}</span>
        </span>
      ),
    },
    {
      id: 'memory',
      label: 'Memory',
      isNumber: true,
      isSecondary: true,
      cell: (row) => formatBytes(row.usage?.peakMemoryBytes),
    },
    {
      id: 'error',
      label: 'Error',
      isSecondary: true,
      className: 'max-w-40 truncate text-muted',
      cell: (row) => (row.error === null ? '' : row.error.message),
    },
  ];
}

/** Replays what is selected, one after the other; a call whose event was not kept is counted, not hidden. */
function useBulkReplay(onDone: () => void) {
  const api = useApi();
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: async (ids: readonly string[]) => {
      let queued = 0;
      let firstError: unknown;
      for (const id of ids) {
        try {
          await api.replay(id);
          queued++;
        } catch (error) {
          firstError ??= error;
        }
      }
      return { queued, failed: ids.length - queued, firstError };
    },
    onSuccess: async ({ queued, failed, firstError }) => {
      if (queued > 0) toast.done(`${queued} ${queued === 1 ? 'replay' : 'replays'} queued`);
      if (failed > 0) toast.failed(`${failed} of ${queued + failed} not replayed`, firstError);
      onDone();
      await queryClient.invalidateQueries({ queryKey: ['invocations'] });
    },
  });
}

/** Invocations with filters (in the address) and a panel with the details of one. */
export function InvocationTable({
  functionName,
  filters,
}: {
  readonly functionName?: string;
  readonly filters?: ReactNode;
}) {
  const [fn] = useUrlValue('function');
  const [openId, setOpenId] = useUrlValue('invocation');
  const [rangeId] = useUrlValue('range');
  const zone = useTimeZone();
  const [range] = useTimeRange();
  const asked = useInvocationFilter();
  const filter = { function: functionName ?? fn, ...asked };
  const query = useInfiniteQuery(queries.invocations(useApi(), filter, rangeId === '' ? undefined : range));
  const selection = useSelection();
  const selected = selection.ids;
  const replay = useBulkReplay(() => selection.choose([]));
  const shown = query.data?.pages.flatMap((page) => page.items) ?? [];
  const isFiltered = Object.values(asked).some((value) => value !== '') || fn !== '' || rangeId !== '';
  return (
    <Card isFlush>
      <div className="flex flex-wrap items-center gap-2 border-b border-line px-4 py-2.5">
        {filters}
        <InvocationFilters />
        <RangeChoice or="all" />
        <span className="ml-auto inline-flex flex-wrap items-center gap-2">
          {selected.size > 0 && (
            <Button tone="ghost" onClick={() => selection.choose([])}>
              Select none
            </Button>
          )}
          <Button
            tone="ghost"
            disabledReason={shown.length === 0 ? 'There are no calls to select' : undefined}
            onClick={() => selection.choose(shown.map((row) => row.id))}
          >
            Select all {shown.length > 0 ? shown.length : ''}
          </Button>
          <PermittedButton
            operation="replayInvocation"
            icon={<RotateCcw className="size-4" aria-hidden="true" />}
            isBusy={replay.isPending}
            disabledReason={selected.size === 0 ? 'Select calls first' : undefined}
            onClick={() => replay.mutate([...selected])}
          >
            Replay {selected.size > 0 ? selected.size : ''}
          </PermittedButton>
        </span>
      </div>
      <div className={query.data === undefined ? 'p-4' : ''}>
        <QueryView query={query} lines={8}>
          {({ pages }) => {
            const rows = pages.flatMap((page) => page.items);
            if (rows.length === 0) return <NoInvocations isFiltered={isFiltered} hasMore={query.hasNextPage} />;
            const longestMs = Math.max(...rows.map((row) => row.timing?.totalMs ?? 0));
            return (
              <>
                <LeftOutNote
                  at={pages[0]?.leftOutAt ?? null}
                  oldest={query.hasNextPage ? rows.at(-1)?.createdAt : undefined}
                />
                <Table
                  label="Invocations"
                  isStacked
                  columns={columns(longestMs, functionName === undefined, zone, setOpenId, selection)}
                  rows={rows}
                  rowKey={(row) => row.id}
                  onRowClick={(row) => setOpenId(row.id)}
                />
              </>
            );
          }}
        </QueryView>
        <LoadMore query={query} />
      </div>
      <InvocationPanel id={openId} onClose={() => setOpenId('')} />
    </Card>
  );
}

/** Of a flood of equal calls not each is recorded: said as long as the rows that are shown reach back to it. */
function LeftOutNote({ at, oldest }: { readonly at: string | null; readonly oldest: string | undefined }) {
  if (at === null || (oldest !== undefined && at < oldest)) return null;
  return (
    <p className="border-b border-line px-4 py-2 text-sm text-muted">
      Not every call is listed: until <DateTime at={at} /> more came than are recorded one by one
      (HEARTH_RECORDS_PER_SECOND). Failed, cold and slow ones all are, and charts count every call.
    </p>
  );
}

function NoInvocations({ isFiltered, hasMore }: { readonly isFiltered: boolean; readonly hasMore: boolean }) {
  if (hasMore)
    return <EmptyState icon={<ListTree />} title="Nothing among the newest; older calls were not looked at yet" />;
  if (isFiltered) return <EmptyState icon={<ListTree />} title="Nothing matches these filters" />;
  return (
    <EmptyState icon={<ListTree />} title="No invocations yet">
      Each call over HTTP, the API, a schedule or the queue is recorded here: its status, where its time went, its log
      lines.{' '}
      <Link to="/functions" className="text-accent underline">
        Test a function
      </Link>{' '}
      to see the first one.
    </EmptyState>
  );
}
