import { useInfiniteQuery, useMutation } from '@tanstack/react-query';
import { History } from 'lucide-react';
import type { AuditVerdict } from '../../shared/api/access.ts';
import type { AuditEntry } from '../../shared/api/system.ts';
import { useApi } from '../api/context.tsx';
import { peopleApi, peopleQueries } from '../api/people.ts';
import { AuditFilters, FilterBy, useAuditFilter } from '../components/audit-filters.tsx';
import { LoadMore } from '../components/load-more.tsx';
import { PageHeader } from '../components/page-header.tsx';
import { PermittedButton } from '../components/permitted-button.tsx';
import { QueryView } from '../components/query-view.tsx';
import { Badge } from '../ui/badge.tsx';
import { Callout } from '../ui/callout.tsx';
import { Card } from '../ui/card.tsx';
import { DateTime } from '../ui/date-time.tsx';
import { EmptyState } from '../ui/empty-state.tsx';
import { Table, type TableColumn } from '../ui/table.tsx';
import { toast } from '../ui/toast.tsx';
import { auditCsv } from '../util/audit-csv.ts';
import { saveFile } from '../util/csv.ts';
import { counted } from '../util/format.ts';

const columns: readonly TableColumn<AuditEntry>[] = [
  { id: 'at', label: 'When', onPhone: 'bare', className: 'whitespace-nowrap', cell: (row) => <DateTime at={row.at} /> },
  {
    id: 'actor',
    label: 'Who',
    onPhone: 'bare',
    className: 'min-w-28 font-medium',
    cell: (row) => <FilterBy name="actor" value={row.actor} />,
  },
  {
    id: 'action',
    label: 'Did',
    onPhone: 'bare',
    cell: (row) => (
      <span className="inline-flex flex-wrap items-center gap-1.5">
        <code className="font-mono">{row.action}</code>
        {row.outcome === 'refused' && <Badge tone="warn">refused</Badge>}
      </span>
    ),
  },
  {
    id: 'target',
    label: 'To',
    onPhone: 'line',
    className: 'max-w-64',
    cell: (row) => <FilterBy name="target" value={row.target} />,
  },
  {
    id: 'detail',
    label: 'Before and after',
    onPhone: 'line',
    cell: (row) => (
      <details>
        <summary className="cursor-pointer leading-6">Show</summary>
        <pre className="max-w-xl overflow-x-auto font-mono text-xs">{JSON.stringify(row.detail, null, 2)}</pre>
      </details>
    ),
  },
  { id: 'project', label: 'Project', isSecondary: true, cell: (row) => row.project ?? 'installation' },
  { id: 'address', label: 'From', isSecondary: true, cell: (row) => row.address || 'the platform' },
];

/** What a walk of the chain found. */
function Verdict({ verdict }: { readonly verdict: AuditVerdict }) {
  if (verdict.isIntact) {
    return (
      <Callout
        tone="ok"
        title={`Intact: ${counted(verdict.entries, 'change')}, none edited, removed or put in`}
        isAlert
      >
        <p>Keep the hash of the last one elsewhere to find out later whether all of it was made anew:</p>
        <code className="font-mono text-xs break-all">{verdict.head}</code>
      </Callout>
    );
  }
  return (
    <Callout tone="danger" title={`Broken after ${counted(verdict.entries, 'change')}`} isAlert>
      {verdict.reason} {verdict.brokenAt !== null && <code className="font-mono break-all">{verdict.brokenAt}</code>}
    </Callout>
  );
}

function Export({ filter }: { readonly filter: ReturnType<typeof useAuditFilter> }) {
  const api = useApi();
  const save = useMutation({
    mutationFn: async (kind: 'csv' | 'ndjson') => {
      const lines = await peopleApi.auditLines(api, filter.at(Date.now()));
      if (kind === 'csv') saveFile('hearth-audit.csv', 'text/csv', auditCsv(lines));
      else saveFile('hearth-audit.ndjson', 'application/x-ndjson', lines);
    },
    onError: (error) => toast.failed('Not exported', error),
  });
  return (['csv', 'ndjson'] as const).map((kind) => (
    <PermittedButton key={kind} operation="exportAudit" isBusy={save.isPending} onClick={() => save.mutate(kind)}>
      {kind === 'csv' ? 'Export CSV' : 'Export JSON lines'}
    </PermittedButton>
  ));
}

/** Who changed what. */
export function AuditPage() {
  const api = useApi();
  const verify = useMutation({
    mutationFn: () => peopleApi.verifyAudit(api),
    onError: (error) => toast.failed('Not verified', error),
  });
  const filter = useAuditFilter();
  const query = useInfiniteQuery(peopleQueries.audit(api, filter.key, filter.at));
  const items = query.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <>
      <PageHeader
        title="Audit"
        note="Every change, newest first. Each carries a hash of the one before, so that tampering shows."
        actions={
          <>
            <Export filter={filter} />
            <PermittedButton operation="verifyAudit" isBusy={verify.isPending} onClick={() => verify.mutate()}>
              Verify chain
            </PermittedButton>
          </>
        }
      />
      {verify.data !== undefined && (
        <div className="mb-4">
          <Verdict verdict={verify.data} />
        </div>
      )}
      <Card isFlush>
        <div className="flex flex-wrap items-center gap-2 border-b border-line px-4 py-2.5">
          <AuditFilters />
        </div>
        <div className={query.data === undefined ? 'p-4' : ''}>
          <QueryView query={query} lines={6}>
            {() =>
              items.length === 0 ? (
                <EmptyState
                  icon={<History />}
                  title={filter.isFiltered ? 'Nothing matches these filters' : 'Nothing was changed yet'}
                />
              ) : (
                <Table label="Changes" isStacked columns={columns} rows={items} rowKey={(row) => row.id} />
              )
            }
          </QueryView>
          <LoadMore query={query} />
        </div>
      </Card>
    </>
  );
}
