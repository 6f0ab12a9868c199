import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Bug } from 'lucide-react';
import { Fragment, type ReactNode } from 'react';
import type { ErrorGroup } from '../../shared/api/error-groups.ts';
import { useApi } from '../api/context.tsx';
import { queries } from '../api/queries.ts';
import { paths } from '../path-builder.ts';
import { Ago } from '../ui/ago.tsx';
import { Badge, type Tone } from '../ui/badge.tsx';
import { Card } from '../ui/card.tsx';
import { CodeBlock } from '../ui/copy-button.tsx';
import { DateTime } from '../ui/date-time.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { EmptyState } from '../ui/empty-state.tsx';
import { Select } from '../ui/field.tsx';
import { Sparkline } from '../ui/sparkline.tsx';
import { Table, type TableColumn } from '../ui/table.tsx';
import { toast } from '../ui/toast.tsx';
import { errorStory } from '../util/error-story.ts';
import { formatCount } from '../util/format.ts';
import { useNow, useUrlValue } from '../util/hooks.ts';
import { LoadMore } from './load-more.tsx';
import { PermittedButton } from './permitted-button.tsx';
import { QueryView } from './query-view.tsx';

const stateTones: Readonly<Record<ErrorGroup['state'], Tone>> = {
  open: 'danger',
  resolved: 'ok',
  ignored: 'neutral',
};
const stateOptions = [
  { value: '', label: 'Open' },
  { value: 'resolved', label: 'Resolved' },
  { value: 'ignored', label: 'Ignored' },
  { value: 'all', label: 'All states' },
];
const actions: readonly { readonly state: ErrorGroup['state']; readonly label: string; readonly done: string }[] = [
  { state: 'resolved', label: 'Resolve', done: 'Resolved; the next such failure opens it again' },
  { state: 'ignored', label: 'Ignore', done: 'Ignored; it goes on being counted' },
  { state: 'open', label: 'Open again', done: 'Open again' },
];

const versionsText = (group: ErrorGroup) => group.versions.map((version) => `v${version}`).join(', ');

/** Where it began, and whether what is live still fails so. */
function Story({ group }: { readonly group: ErrorGroup }) {
  const { beginning, now, isInLive } = errorStory(group);
  return (
    <>
      <span className="block whitespace-nowrap">{beginning || versionsText(group)}</span>
      {now !== '' && <span className={isInLive ? 'text-xs text-danger' : 'text-xs text-faint'}>{now}</span>}
    </>
  );
}

function columns(now: number, withFunction: boolean, onOpen: (id: string) => void): readonly TableColumn<ErrorGroup>[] {
  return [
    {
      id: 'error',
      label: 'Error',
      className: 'max-w-96 min-w-40',
      cell: (row) => (
        <>
          <button
            type="button"
            className="line-clamp-2 min-h-6 text-left font-medium break-words hover:underline"
            onClick={(event) => {
              event.stopPropagation();
              onOpen(row.id);
            }}
          >
            {row.type}: <span className="font-normal">{row.message}</span>
          </button>
          <p className="truncate text-xs text-faint">
            {withFunction && <span className="lg:hidden">{row.functionName} </span>}
            <span className="font-mono">{row.frame}</span>
          </p>
        </>
      ),
    },
    ...(withFunction
      ? [{ id: 'fn', label: 'Function', isSecondary: true, cell: (row: ErrorGroup) => <span>{row.functionName}</span> }]
      : []),
    {
      id: 'count',
      label: 'Failures, 24 h',
      isNumber: true,
      cell: (row) => (
        <span className="inline-flex items-center gap-2.5 align-middle">
          <Sparkline
            values={row.sparkline}
            color="--series-3"
            label={`Failures of ${row.type} in the last 24 hours`}
            className="hidden h-5 w-20 sm:block"
          />
          <span className="min-w-9">{formatCount(row.sparkline.reduce((sum, value) => sum + value, 0))}</span>
        </span>
      ),
    },
    { id: 'all', label: 'In all', isNumber: true, isSecondary: true, cell: (row) => formatCount(row.count) },
    {
      id: 'versions',
      label: 'Versions',
      isSecondary: true,
      className: 'max-w-56',
      cell: (row) => <Story group={row} />,
    },
    {
      id: 'first',
      label: 'First',
      isNumber: true,
      isSecondary: true,
      cell: (row) => <Ago at={row.firstSeenAt} now={now} />,
    },
    { id: 'last', label: 'Last', isNumber: true, cell: (row) => <Ago at={row.lastSeenAt} now={now} /> },
    { id: 'state', label: 'State', cell: (row) => <Badge tone={stateTones[row.state]}>{row.state}</Badge> },
  ];
}

function Details({ group }: { readonly group: ErrorGroup }) {
  const api = useApi();
  const queryClient = useQueryClient();
  const change = useMutation({
    mutationFn: (action: (typeof actions)[number]) => api.setErrorState(group.id, action.state),
    onSuccess: async (_group, action) => {
      toast.done(action.done);
      await queryClient.invalidateQueries({ queryKey: ['errors'] });
    },
    onError: (error) => toast.failed('Not changed', error),
  });
  const story = errorStory(group);
  const facts: readonly (readonly [string, ReactNode])[] = [
    [
      'State',
      <Fragment key="state">
        {group.state} since <DateTime at={group.stateAt} />
      </Fragment>,
    ],
    ['Failures', formatCount(group.count)],
    ['First seen', <DateTime key="first" at={group.firstSeenAt} />],
    ['Last seen', <DateTime key="last" at={group.lastSeenAt} />],
    ['Versions, 24 h', versionsText(group) || 'none'],
    ['Began', story.beginning || 'not known any more'],
    ['Now', story.now || 'no version is live'],
    ['Thrown in', group.frame || 'unknown'],
  ];
  return (
    <div className="flex min-w-0 flex-col gap-4">
      <dl className="tabular grid grid-cols-2 gap-x-4 gap-y-2 sm:grid-cols-3">
        {facts.map(([label, value]) => (
          <div key={label} className="flex min-w-0 flex-col">
            <dt className="text-xs text-faint">{label}</dt>
            <dd className="text-sm break-words">{value}</dd>
          </div>
        ))}
      </dl>
      <Sparkline
        values={group.sparkline}
        color="--series-3"
        width={400}
        height={40}
        label="Failures in each of the last 24 hours"
        className="h-10 w-full"
      />
      <CodeBlock text={group.stack === '' ? group.message : group.stack} label="stack" />
      <div className="flex flex-wrap gap-2">
        {actions
          .filter((action) => action.state !== group.state)
          .map((action) => (
            <PermittedButton
              operation="updateErrorGroup"
              key={action.state}
              isBusy={change.isPending}
              onClick={() => change.mutate(action)}
            >
              {action.label}
            </PermittedButton>
          ))}
      </div>
      <ul className="list-disc pl-4 text-sm">
        <li>
          <Link
            to={paths.invocation(group.lastInvocationId)}
            className="inline-flex min-h-6 items-center text-accent underline"
          >
            The last call that failed so
          </Link>
        </li>
        <li>
          <Link
            to={paths.function(group.functionName, 'invocations')}
            search={{ status: group.frame === '' ? 'function-fault' : 'function-error' }}
            className="inline-flex min-h-6 items-center text-accent underline"
          >
            All calls of {group.functionName} that failed
          </Link>
          , to replay them when it is mended
        </li>
        <li>
          <Link
            to={paths.function(group.functionName, 'code')}
            className="inline-flex min-h-6 items-center text-accent underline"
          >
            The code
          </Link>
        </li>
      </ul>
    </div>
  );
}

function ErrorPanel({ id, onClose }: { readonly id: string; readonly onClose: () => void }) {
  const query = useQuery({ ...queries.errorGroup(useApi(), id), enabled: id !== '' });
  const group = query.data;
  return (
    <Dialog
      isOpen={id !== ''}
      onClose={onClose}
      shape="side"
      title={group === undefined ? 'Error' : `${group.type}: ${group.message}`.slice(0, 200)}
    >
      {id !== '' && <QueryView query={query}>{(data) => <Details group={data} />}</QueryView>}
    </Dialog>
  );
}

/** Failures that look the same, as one line each. */
export function ErrorGroups({ functionName }: { readonly functionName?: string }) {
  const now = useNow();
  const [state, setState] = useUrlValue('state');
  const [openId, setOpenId] = useUrlValue('error');
  const query = useInfiniteQuery(
    queries.errorGroups(useApi(), {
      function: functionName,
      state: state === 'all' ? undefined : state === '' ? 'open' : state,
    }),
  );
  return (
    <Card isFlush>
      <div className="flex flex-wrap items-center gap-2 border-b border-line px-4 py-2.5">
        <Select
          aria-label="State"
          options={stateOptions}
          value={state}
          onChange={(event) => setState(event.target.value)}
        />
      </div>
      <div className={query.data === undefined ? 'p-4' : ''}>
        <QueryView query={query} lines={6}>
          {({ pages }) => {
            const rows = pages.flatMap((page) => page.items);
            if (rows.length === 0) {
              return (
                <EmptyState icon={<Bug />} title={state === '' ? 'No open errors' : 'Nothing in this state'}>
                  When a function throws, times out or runs out of memory, failures with the same type, message and
                  place are gathered here as one line, with their stack in the lines of your source.
                </EmptyState>
              );
            }
            return (
              <Table
                label="Errors"
                columns={columns(now, functionName === undefined, setOpenId)}
                rows={rows}
                rowKey={(row) => row.id}
                onRowClick={(row) => setOpenId(row.id)}
              />
            );
          }}
        </QueryView>
        <LoadMore query={query} />
      </div>
      <ErrorPanel id={openId} onClose={() => setOpenId('')} />
    </Card>
  );
}
