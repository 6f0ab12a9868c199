import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Route as RouteIcon } from 'lucide-react';
import { useMemo } from 'react';
import type { ListedRoute } from '../../shared/api/functions.ts';
import { useApi } from '../api/context.tsx';
import { routesQuery } from '../api/triggers.ts';
import { MethodBadges } from '../components/function-routes.tsx';
import { LoadMore } from '../components/load-more.tsx';
import { PageHeader } from '../components/page-header.tsx';
import { QueryView } from '../components/query-view.tsx';
import { paths } from '../path-builder.ts';
import { Badge } from '../ui/badge.tsx';
import { buttonClasses } from '../ui/button.tsx';
import { Card } from '../ui/card.tsx';
import { EmptyState } from '../ui/empty-state.tsx';
import { Field, Input } from '../ui/field.tsx';
import { Table, type TableColumn } from '../ui/table.tsx';
import { useUrlValue } from '../util/hooks.ts';
import { overlapsOf } from '../util/route-overlaps.ts';

const accessLabels: Readonly<Record<NonNullable<ListedRoute['access']>, string>> = {
  public: 'everybody',
  token: 'tokens of Hearth',
  signature: 'signed messages',
  jwt: 'JWT',
  mixed: 'differs by version',
};

function Access({ access }: Pick<ListedRoute, 'access'>) {
  if (access === null) return <Badge tone="warn">no version answers</Badge>;
  return <Badge tone={access === 'public' ? 'neutral' : 'ok'}>{accessLabels[access]}</Badge>;
}

/** The routes that take a part of a route's requests, those of other functions first: that may be a mistake. */
function Overlaps({ route, others }: { readonly route: ListedRoute; readonly others: readonly ListedRoute[] }) {
  if (others.length === 0) return <span className="text-faint max-md:hidden">–</span>;
  const isOwn = (other: ListedRoute) => other.functionName === route.functionName;
  const sorted = [...others].sort((a, b) => Number(isOwn(a)) - Number(isOwn(b)));
  return (
    <ul className="flex flex-col gap-0.5 text-xs">
      {sorted.map((other) => (
        <li key={other.id} className={isOwn(other) ? 'text-muted' : 'text-warn'}>
          yields to <code className="font-mono wrap-anywhere">{other.path}</code>
          {isOwn(other) ? ', its own' : ` of ${other.functionName}`}
        </li>
      ))}
    </ul>
  );
}

function columns(overlaps: ReadonlyMap<ListedRoute, readonly ListedRoute[]>): readonly TableColumn<ListedRoute>[] {
  return [
    {
      id: 'path',
      label: 'Path',
      onPhone: 'line',
      className: 'min-w-48',
      cell: (row) => (
        <>
          <code className="font-mono wrap-anywhere">{row.path}</code>{' '}
          {row.isDefault && <span className="text-xs text-faint">standard address</span>}
        </>
      ),
    },
    { id: 'methods', label: 'Methods', onPhone: 'bare', cell: (row) => <MethodBadges methods={row.methods} /> },
    {
      id: 'function',
      label: 'Function',
      className: 'min-w-32',
      cell: (row) => (
        <>
          <Link to={paths.function(row.functionName)} className="font-medium wrap-anywhere">
            {row.functionName}
          </Link>{' '}
          <span className="text-xs text-faint">{row.alias}</span>
        </>
      ),
    },
    { id: 'access', label: 'Who may call', cell: (row) => <Access access={row.access} /> },
    {
      id: 'overlaps',
      label: 'Overlaps',
      onPhone: 'line',
      className: 'min-w-40',
      cell: (row) => <Overlaps route={row} others={overlaps.get(row) ?? []} />,
    },
    {
      id: 'actions',
      label: 'Actions',
      onPhone: 'bare',
      isLabelHidden: true,
      isNumber: true,
      cell: (row) => (
        <Link
          to={paths.function(row.functionName, 'triggers')}
          className={buttonClasses('ghost', 'small')}
          aria-label={`Change routes of ${row.functionName}: ${row.path}`}
        >
          Change
        </Link>
      ),
    },
  ];
}

/** Where the gateway answers, whose function does, who may call it, and which routes take requests from others. */
export function RoutesPage() {
  const query = useInfiniteQuery(routesQuery(useApi()));
  const [search, setSearch] = useUrlValue('search');
  const { routes, overlaps } = useMemo(() => {
    const all = query.data?.pages.flatMap(({ items }) => items) ?? [];
    return { routes: all, overlaps: overlapsOf(all) };
  }, [query.data]);
  const fits = ({ path, functionName }: ListedRoute) =>
    `${path} ${functionName}`.toLowerCase().includes(search.trim().toLowerCase());
  return (
    <>
      <PageHeader
        title="Routes"
        note="Where the gateway answers. Of two routes that fit, the one with more plain text wins."
      />
      <Field label="Find a route" className="mb-3 max-w-80">
        {(control) => (
          <Input
            {...control}
            type="search"
            placeholder="path or function"
            value={search}
            onChange={(event) => setSearch(event.target.value)}
          />
        )}
      </Field>
      <Card isFlush>
        <div className={query.data === undefined ? 'p-4' : ''}>
          <QueryView query={query} lines={4}>
            {() =>
              routes.some(fits) ? (
                <Table
                  label="Routes"
                  columns={columns(overlaps)}
                  rows={routes.filter(fits)}
                  rowKey={(row) => row.id}
                  isStacked
                />
              ) : (
                <EmptyState icon={<RouteIcon />} title={routes.length === 0 ? 'No routes' : 'No such route'}>
                  Every function has an address of its own, and others by routes: add them on its page Triggers.
                </EmptyState>
              )
            }
          </QueryView>
        </div>
        <LoadMore query={query} />
      </Card>
    </>
  );
}
