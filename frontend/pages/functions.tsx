import { Link, useNavigate } from '@tanstack/react-router';
import { FlaskConical, Plus, ScrollText, SearchX } from 'lucide-react';
import { useState } from 'react';
import type { FunctionDocument } from '../../shared/api/functions.ts';
import { MiB } from '../../shared/limits.ts';
import { usePermission } from '../api/permission.ts';
import { FirstRun } from '../components/first-run.tsx';
import { FunctionSelection } from '../components/function-selection.tsx';
import { LoadMore } from '../components/load-more.tsx';
import { PageHeader } from '../components/page-header.tsx';
import { QueryView } from '../components/query-view.tsx';
import { RuntimeBadge } from '../components/runtime-badge.tsx';
import { selectColumn } from '../components/select-column.tsx';
import { UncreatedFunctions } from '../components/uncreated-functions.tsx';
import { useAllFunctions } from '../components/use-all-functions.ts';
import { type Selection, useSelection } from '../components/use-selection.ts';
import { paths } from '../path-builder.ts';
import { Badge, Dot } from '../ui/badge.tsx';
import { Button, buttonClasses } from '../ui/button.tsx';
import { Card } from '../ui/card.tsx';
import { classes } from '../ui/classes.ts';
import { CopyButton } from '../ui/copy-button.tsx';
import { EmptyState } from '../ui/empty-state.tsx';
import { Input, Select } from '../ui/field.tsx';
import { Sparkline } from '../ui/sparkline.tsx';
import { Table, type TableColumn } from '../ui/table.tsx';
import { formatAgo, formatCount, formatDateTime, formatMs, formatPercent } from '../util/format.ts';
import {
  functionSortOf,
  functionSortText,
  functionStates,
  memoryShare,
  sortFunctions,
  stateOf,
} from '../util/function-state.ts';
import { useNow, useSettled, useSlashFocus, useUrlValue } from '../util/hooks.ts';
import { curlSnippet } from '../util/snippets.ts';
import { useTimeZone } from '../util/time-zone.ts';

function NameCell({ fn, onTag }: { readonly fn: FunctionDocument; readonly onTag: (tag: string) => void }) {
  const state = stateOf(fn);
  return (
    <div className="flex min-w-40 items-start gap-2.5">
      <span title={state.label} className="flex h-5 items-center">
        <Dot tone={state.tone} />
        <span className="sr-only">{state.label}</span>
      </span>
      <div className="min-w-0">
        <Link
          to={paths.function(fn.name)}
          className="font-medium text-text wrap-anywhere hover:underline"
          onClick={(event) => event.stopPropagation()}
        >
          {fn.name}
        </Link>
        {state.label !== 'Healthy' && state.label !== 'Idle' && (
          <span className="ml-2">
            <Badge tone={state.tone}>{state.label}</Badge>
          </span>
        )}
        {fn.tags.map((tag) => (
          <button
            key={tag}
            type="button"
            aria-label={`Show only what has the tag ${tag}`}
            className="ml-1.5 inline-flex min-h-6 items-center rounded bg-raised px-1.5 text-xs text-muted hover:text-text"
            onClick={(event) => {
              event.stopPropagation();
              onTag(tag);
            }}
          >
            {tag}
          </button>
        ))}
        {fn.description !== '' && (
          <p className="truncate text-xs text-faint" title={fn.description}>
            {fn.description}
          </p>
        )}
      </div>
    </div>
  );
}

/** What is done most often with one of many; shown above the end of the row where the mouse or the focus is, and to fingers always. */
function RowActions({ fn }: { readonly fn: FunctionDocument }) {
  const link = classes(buttonClasses('ghost', 'small'), '!px-1.5');
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: keeps the click of the mouse from opening the row
    // biome-ignore lint/a11y/noStaticElementInteractions: see above
    <span
      className="absolute top-1/2 right-2 inline-flex -translate-y-1/2 items-center rounded-md bg-raised opacity-0 group-focus-within:opacity-100 group-hover:opacity-100 [@media(hover:none)]:static [@media(hover:none)]:translate-y-0 [@media(hover:none)]:opacity-100"
      onClick={(event) => event.stopPropagation()}
    >
      <Link to={paths.function(fn.name, 'code')} title="Test" aria-label={`Test ${fn.name}`} className={link}>
        <FlaskConical className="size-4" aria-hidden="true" />
      </Link>
      <Link to={paths.function(fn.name, 'logs')} title="Logs" aria-label={`Logs of ${fn.name}`} className={link}>
        <ScrollText className="size-4" aria-hidden="true" />
      </Link>
      <CopyButton text={curlSnippet(fn.url, undefined)} label={`Copy ${fn.name} as curl`} />
    </span>
  );
}

/** The most of the hour against the limit: a function that comes near it is about to be ended. */
function MemoryCell({ fn }: { readonly fn: FunctionDocument }) {
  const peak = fn.stats?.peakMemoryBytes ?? 0;
  return (
    <>
      <span className={memoryShare(fn) >= 0.9 ? 'font-medium text-danger' : ''}>
        {peak === 0 ? '–' : Math.ceil(peak / MiB)}
      </span>
      <span className="text-faint"> / {fn.memoryMb} MiB</span>
    </>
  );
}

function DeploymentCell({ fn, now }: { readonly fn: FunctionDocument; readonly now: number }) {
  const zone = useTimeZone();
  const { version, at, by } = fn.lastDeployment;
  return (
    <span title={`Version ${version}, ${formatDateTime(at, zone)}, by ${by}`}>
      {formatAgo(at, now)} <span className="ml-auto block max-w-24 truncate text-xs text-faint">by {by}</span>
    </span>
  );
}

function columns(
  now: number,
  onTag: (tag: string) => void,
  selection: Selection,
): readonly TableColumn<FunctionDocument>[] {
  const share = (fn: FunctionDocument, key: 'errors' | 'coldStarts') =>
    fn.stats === undefined || fn.stats.invocations === 0 ? null : fn.stats[key] / fn.stats.invocations;
  return [
    selectColumn(
      selection,
      (fn) => fn.id,
      (fn) => `Select ${fn.name}`,
    ),
    {
      id: 'name',
      label: 'Function',
      isSortable: true,
      onPhone: 'bare',
      // Beside the box; on wider screens what the other columns leave.
      className: 'max-sm:basis-[calc(100%-2.25rem)] sm:w-full sm:max-w-0 sm:min-w-56',
      cell: (fn) => <NameCell fn={fn} onTag={onTag} />,
    },
    { id: 'runtime', label: 'Runtime', isSecondary: true, cell: (fn) => <RuntimeBadge runtime={fn.runtime} /> },
    {
      id: 'requests',
      label: 'Requests, 1 h',
      isNumber: true,
      isSortable: true,
      cell: (fn) => (
        <span className="inline-flex items-center gap-2.5 align-middle">
          <Sparkline
            values={fn.stats?.sparkline ?? []}
            label={`Requests of ${fn.name} over the last hour`}
            className="hidden h-5 w-14 sm:block"
          />
          <span className="sm:min-w-9">{formatCount(fn.stats?.invocations)}</span>
        </span>
      ),
    },
    {
      id: 'errors',
      label: 'Errors',
      isNumber: true,
      isSortable: true,
      cell: (fn) => (
        <span className={(share(fn, 'errors') ?? 0) >= 0.02 ? 'font-medium text-danger' : ''}>
          {formatPercent(share(fn, 'errors'))}
        </span>
      ),
    },
    { id: 'p95', label: 'p95', isNumber: true, isSortable: true, cell: (fn) => formatMs(fn.stats?.p95Ms) },
    {
      id: 'cold',
      label: 'Cold',
      isNumber: true,
      isSortable: true,
      isSecondary: true,
      cell: (fn) => formatPercent(share(fn, 'coldStarts')),
    },
    {
      id: 'memory',
      label: 'Memory',
      isNumber: true,
      isSortable: true,
      cell: (fn) => <MemoryCell fn={fn} />,
    },
    { id: 'live', label: 'Live', isNumber: true, cell: (fn) => (fn.liveVersion === null ? '–' : `v${fn.liveVersion}`) },
    {
      id: 'deployed',
      label: 'Deployed',
      isNumber: true,
      isSortable: true,
      isSecondary: true,
      cell: (fn) => <DeploymentCell fn={fn} now={now} />,
    },
    {
      id: 'actions',
      label: 'Actions',
      isLabelHidden: true,
      isSecondary: true,
      className: '!p-0 w-0 relative',
      cell: (fn) => <RowActions fn={fn} />,
    },
  ];
}

/** Rows that are in the page at first; a table of a thousand takes a phone a while. */
const firstRows = 100;

function FunctionTable({
  functions,
  onTag,
  selection,
}: {
  readonly functions: readonly FunctionDocument[];
  readonly onTag: (tag: string) => void;
  readonly selection: Selection;
}) {
  const now = useNow();
  const [shown, setShown] = useState(firstRows);
  const navigate = useNavigate();
  const [sortText, setSortText] = useUrlValue('sort');
  const sort = functionSortOf(sortText);
  return (
    <>
      <Table
        label="Functions"
        isStacked
        columns={columns(now, onTag, selection)}
        rows={sortFunctions(functions, sort.column, sort.isDescending).slice(0, shown)}
        rowKey={(fn) => fn.id}
        sort={sort}
        onSort={(next) => setSortText(functionSortText(next))}
        onRowClick={(fn) => {
          navigate({ to: paths.function(fn.name) }).catch(() => undefined);
        }}
      />
      {functions.length > shown && (
        <div className="border-t border-line p-2 text-center">
          <Button tone="ghost" onClick={() => setShown(shown + 200)}>
            Show more of {functions.length}
          </Button>
        </div>
      )}
    </>
  );
}

const stateOptions = [
  { value: '', label: 'All states' },
  ...functionStates.map((state) => ({ value: state, label: state })),
];

export function FunctionsPage() {
  const [search, setSearch] = useUrlValue('search');
  const settled = useSettled(search.trim());
  const { query, functions: found = [] } = useAllFunctions(settled);
  const [state, setState] = useUrlValue('state');
  const functions = state === '' ? found : found.filter((fn) => stateOf(fn).label === state);
  const selection = useSelection();
  useSlashFocus('function-search');
  const refusal = usePermission('createFunction');
  const plus = <Plus className="size-4" aria-hidden="true" />;
  const newButton =
    refusal === undefined ? (
      <Link to={paths.newFunction()} className={buttonClasses('primary')}>
        {plus}
        New function
      </Link>
    ) : (
      <Button tone="primary" icon={plus} disabledReason={refusal}>
        New function
      </Button>
    );
  return (
    <>
      <PageHeader title="Functions" actions={newButton} />
      <QueryView query={query} lines={8}>
        {() => {
          if (found.length === 0 && settled === '') return <FirstRun />;
          return (
            <Card isFlush>
              <div className="flex items-center gap-3 border-b border-line px-4 py-2.5">
                <Input
                  id="function-search"
                  type="search"
                  aria-label="Search functions"
                  aria-keyshortcuts="/"
                  placeholder="Search name, description, tag   /"
                  className="max-w-80"
                  value={search}
                  onChange={(event) => setSearch(event.target.value)}
                />
                <Select
                  aria-label="State"
                  options={stateOptions}
                  value={state}
                  onChange={(event) => setState(event.target.value)}
                />
                <span className="tabular ml-auto text-xs whitespace-nowrap text-faint" role="status">
                  {functions.length}
                  {query.hasNextPage ? '+' : ''} shown
                </span>
              </div>
              {functions.length === 0 ? (
                <EmptyState
                  icon={<SearchX />}
                  title={state === '' ? `No function matches “${settled}”` : `No function is ${state.toLowerCase()}`}
                  actions={
                    <Button onClick={() => (state === '' ? setSearch('') : setState(''))}>
                      {state === '' ? 'Clear the search' : 'Show all states'}
                    </Button>
                  }
                />
              ) : (
                <>
                  <FunctionSelection functions={functions} selection={selection} />
                  <FunctionTable functions={functions} onTag={setSearch} selection={selection} />
                </>
              )}
              <LoadMore query={query} />
            </Card>
          );
        }}
      </QueryView>
      <UncreatedFunctions />
    </>
  );
}
