import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { LockKeyhole, Plus } from 'lucide-react';
import { useState } from 'react';
import type { SecretDocument } from '../../shared/api/secrets.ts';
import { useApi } from '../api/context.tsx';
import { secretsApi, secretsQuery } from '../api/secrets.ts';
import { LoadMore } from '../components/load-more.tsx';
import { PageHeader } from '../components/page-header.tsx';
import { PermittedButton } from '../components/permitted-button.tsx';
import { QueryView } from '../components/query-view.tsx';
import { ConfirmDialog } from '../forms/confirm-dialog.tsx';
import { ImportSecrets } from '../forms/import-secrets.tsx';
import { SecretDialog } from '../forms/secret-dialog.tsx';
import { paths } from '../path-builder.ts';
import { Ago } from '../ui/ago.tsx';
import { Card } from '../ui/card.tsx';
import { DateTime } from '../ui/date-time.tsx';
import { EmptyState } from '../ui/empty-state.tsx';
import { Select } from '../ui/field.tsx';
import { Table, type TableColumn } from '../ui/table.tsx';
import { toast } from '../ui/toast.tsx';
import { formatDateTime } from '../util/format.ts';
import { useNow, useUrlValue } from '../util/hooks.ts';
import { useTimeZone } from '../util/time-zone.ts';

/** Functions behind whose aliases a version lists the secret, each once with its versions. */
function UsedBy({ usedBy }: Pick<SecretDocument, 'usedBy'>) {
  if (usedBy.length === 0) return <span className="text-faint">nobody</span>;
  const versions = Map.groupBy(usedBy, (use) => use.functionName);
  return (
    <ul className="flex flex-wrap gap-x-3 gap-y-1">
      {[...versions].map(([name, uses]) => (
        <li key={name}>
          <Link to={paths.function(name, 'settings')} className="inline-flex min-h-6 items-center gap-1">
            {name} <span className="text-faint">{uses.map((use) => `v${use.version}`).join(', ')}</span>
          </Link>
        </li>
      ))}
    </ul>
  );
}

/** When it got its value; one that has its first is said to have it since it was made. */
function Rotated({ secret, now }: { readonly secret: SecretDocument; readonly now: number }) {
  const zone = useTimeZone();
  const { version, createdAt, updatedAt } = secret;
  const first = version === 1 ? 'never, set ' : '';
  return (
    <span title={`Set first ${formatDateTime(createdAt, zone)}`}>
      {first}
      <DateTime at={updatedAt} as="day" />{' '}
      <span className="text-xs text-faint">
        <Ago at={updatedAt} now={now} />
      </span>
    </span>
  );
}

const uses = [
  { value: '', label: 'All' },
  { value: 'used', label: 'In use' },
  { value: 'unused', label: 'Not in use' },
] as const;

interface RowActions {
  readonly onReplace: (secret: SecretDocument) => void;
  readonly onDelete: (secret: SecretDocument) => void;
}

function columns(now: number, { onReplace, onDelete }: RowActions): readonly TableColumn<SecretDocument>[] {
  return [
    {
      id: 'name',
      label: 'Name',
      className: 'min-w-48 max-w-96',
      cell: (row) => <code className="font-mono font-medium wrap-anywhere">{row.name}</code>,
    },
    { id: 'used', label: 'Used by', className: 'min-w-40', cell: (row) => <UsedBy usedBy={row.usedBy} /> },
    {
      id: 'value',
      label: 'Value',
      className: 'whitespace-nowrap',
      isSecondary: true,
      cell: (row) => `no. ${row.version}`,
    },
    {
      id: 'updated',
      label: 'Rotated',
      className: 'whitespace-nowrap',
      isSecondary: true,
      cell: (row) => <Rotated secret={row} now={now} />,
    },
    { id: 'by', label: 'By', isSecondary: true, cell: (row) => row.updatedBy },
    {
      id: 'actions',
      label: 'Actions',
      isLabelHidden: true,
      isNumber: true,
      cell: (row) => (
        <>
          <PermittedButton
            operation="putSecret"
            size="small"
            tone="ghost"
            onClick={() => onReplace(row)}
            aria-label={`Replace value: ${row.name}`}
          >
            Replace value
          </PermittedButton>
          <PermittedButton
            operation="deleteSecret"
            size="small"
            tone="ghost"
            onClick={() => onDelete(row)}
            aria-label={`Delete ${row.name}`}
          >
            Delete
          </PermittedButton>
        </>
      ),
    },
  ];
}

function DeleteSecret({ secret, onClose }: { readonly secret: SecretDocument; readonly onClose: () => void }) {
  const api = useApi();
  const queryClient = useQueryClient();
  const remove = useMutation({
    mutationFn: () => secretsApi.remove(api, secret.name),
    onSuccess: () => toast.done(`${secret.name} was deleted`),
    onError: (error) => toast.failed('Not deleted', error),
    onSettled: async () => {
      onClose();
      await queryClient.invalidateQueries({ queryKey: ['secrets'] });
    },
  });
  return (
    <ConfirmDialog
      isOpen
      onClose={onClose}
      title={`Delete ${secret.name}?`}
      action="Delete for good"
      isDangerous
      isBusy={remove.isPending}
      typed={secret.name}
      onConfirm={() => remove.mutate()}
    >
      {secret.usedBy.length === 0 ? (
        <p>Its value cannot be brought back. Earlier versions that list it cannot be rolled back to.</p>
      ) : (
        <>
          <p className="mb-1">
            Versions behind aliases list it, so that the platform will refuse. Deploy them without it first:
          </p>
          <UsedBy usedBy={secret.usedBy} />
        </>
      )}
    </ConfirmDialog>
  );
}

/** Secrets of the project by name: what they are is shown nowhere, as the API does not give it. */
export function SecretsPage() {
  const now = useNow();
  const query = useInfiniteQuery(secretsQuery(useApi()));
  const [use, setUse] = useUrlValue('use');
  const items = query.data?.pages.flatMap((page) => page.items) ?? [];
  const shown = items.filter(({ usedBy }) => use === '' || (use === 'used') === usedBy.length > 0);
  const [isImporting, setIsImporting] = useState(false);
  /** An empty name makes a new one. */
  const [editing, setEditing] = useState<string | undefined>();
  const [deleting, setDeleting] = useState<SecretDocument | undefined>();
  const actions: RowActions = { onReplace: (row) => setEditing(row.name), onDelete: setDeleting };
  return (
    <>
      <PageHeader
        title="Secrets"
        note="Encrypted at rest, given to the functions that list them, and never shown again."
        actions={
          <>
            <Select
              aria-label="Which secrets"
              options={uses}
              value={uses.some(({ value }) => value === use) ? use : ''}
              onChange={(event) => setUse(event.target.value)}
            />
            <PermittedButton operation="putSecrets" onClick={() => setIsImporting(true)}>
              Import a .env file
            </PermittedButton>
            <PermittedButton
              operation="putSecret"
              tone="primary"
              icon={<Plus className="size-4" aria-hidden="true" />}
              onClick={() => setEditing('')}
            >
              New secret
            </PermittedButton>
          </>
        }
      />
      <Card isFlush>
        <div className={query.data === undefined ? 'p-4' : ''}>
          <QueryView query={query} lines={4}>
            {() =>
              items.length === 0 ? (
                <EmptyState icon={<LockKeyhole />} title="No secrets">
                  Set one here or with <code className="font-mono text-text">hearth secrets set DB_PASSWORD</code>, then
                  list its name in the settings of a function: it finds the value in its environment.
                </EmptyState>
              ) : shown.length === 0 ? (
                <EmptyState icon={<LockKeyhole />} title={use === 'unused' ? 'All are in use' : 'None is in use'} />
              ) : (
                <Table label="Secrets" columns={columns(now, actions)} rows={shown} rowKey={(row) => row.name} />
              )
            }
          </QueryView>
          <LoadMore query={query} />
        </div>
      </Card>
      {isImporting && (
        <ImportSecrets known={new Set(items.map(({ name }) => name))} onClose={() => setIsImporting(false)} />
      )}
      {editing !== undefined && (
        <SecretDialog name={editing === '' ? undefined : editing} onClose={() => setEditing(undefined)} />
      )}
      {deleting !== undefined && <DeleteSecret secret={deleting} onClose={() => setDeleting(undefined)} />}
    </>
  );
}
