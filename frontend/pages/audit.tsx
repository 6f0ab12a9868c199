import { useInfiniteQuery, useMutation } from '@tanstack/react-query';
import { History } from 'lucide-react';
import type { AuditVerdict } from '../../shared/api/access.ts';
import type { AuditEntry } from '../../shared/api/system.ts';
import { useApi } from '../api/context.tsx';
import { peopleApi, peopleQueries } from '../api/people.ts';
import { LoadMore } from '../components/load-more.tsx';
import { PageHeader } from '../components/page-header.tsx';
import { PermittedButton } from '../components/permitted-button.tsx';
import { QueryView } from '../components/query-view.tsx';
import { Callout } from '../ui/callout.tsx';
import { Card } from '../ui/card.tsx';
import { EmptyState } from '../ui/empty-state.tsx';
import { Table, type TableColumn } from '../ui/table.tsx';
import { toast } from '../ui/toast.tsx';
import { auditCsv } from '../util/audit-csv.ts';
import { saveText } from '../util/csv.ts';
import { counted, formatDateTime } from '../util/format.ts';

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

function Export() {
  const api = useApi();
  const save = useMutation({
    mutationFn: async (kind: 'csv' | 'ndjson') => {
      const lines = await peopleApi.auditLines(api);
      if (kind === 'csv') saveText('hearth-audit.csv', 'text/csv', auditCsv(lines));
      else saveText('hearth-audit.ndjson', 'application/x-ndjson', lines);
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
  const query = useInfiniteQuery(peopleQueries.audit(api));
  const items = query.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <>
      <PageHeader
        title="Audit"
        note="Every change, newest first. Each carries a hash of the one before, so that tampering shows."
        actions={
          <>
            <Export />
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
