import { useInfiniteQuery } from '@tanstack/react-query';
import { History } from 'lucide-react';
import type { AuditEntry } from '../../shared/api/system.ts';
import { useApi } from '../api/context.tsx';
import { peopleQueries } from '../api/people.ts';
import { LoadMore } from '../components/load-more.tsx';
import { PageHeader } from '../components/page-header.tsx';
import { QueryView } from '../components/query-view.tsx';
import { Card } from '../ui/card.tsx';
import { EmptyState } from '../ui/empty-state.tsx';
import { Table, type TableColumn } from '../ui/table.tsx';
import { formatDateTime } from '../util/format.ts';

const columns: readonly TableColumn<AuditEntry>[] = [
  { id: 'at', label: 'When', className: 'whitespace-nowrap', cell: (row) => formatDateTime(row.at) },
  { id: 'actor', label: 'Who', className: 'min-w-28', cell: (row) => <span className="font-medium">{row.actor}</span> },
  { id: 'action', label: 'Did', cell: (row) => <code className="font-mono">{row.action}</code> },
  { id: 'target', label: 'To', className: 'max-w-64 truncate', cell: (row) => row.target },
  {
    id: 'detail',
    label: 'Before and after',
    cell: (row) => (
      <details>
        <summary className="min-h-6 cursor-pointer">Show</summary>
        <pre className="max-w-xl overflow-x-auto font-mono text-xs">{JSON.stringify(row.detail, null, 2)}</pre>
      </details>
    ),
  },
  { id: 'project', label: 'Project', isSecondary: true, cell: (row) => row.project ?? 'installation' },
  { id: 'address', label: 'From', isSecondary: true, cell: (row) => row.address || 'the platform' },
];

/** Who changed what. */
export function AuditPage() {
  const query = useInfiniteQuery(peopleQueries.audit(useApi()));
  const items = query.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <>
      <PageHeader
        title="Audit"
        note={
          <>
            Every change, newest first. <code className="font-mono">hearth audit verify</code> tells whether it was
            tampered with.
          </>
        }
      />
      <Card isFlush>
        <div className={query.data === undefined ? 'p-4' : ''}>
          <QueryView query={query} lines={6}>
            {() =>
              items.length === 0 ? (
                <EmptyState icon={<History />} title="Nothing was changed yet" />
              ) : (
                <Table label="Changes" columns={columns} rows={items} rowKey={(row) => row.id} />
              )
            }
          </QueryView>
          <LoadMore query={query} />
        </div>
      </Card>
    </>
  );
}
