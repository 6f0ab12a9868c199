import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import { KeyRound, Plus } from 'lucide-react';
import { useState } from 'react';
import type { TokenDocument } from '../../shared/api/system.ts';
import { useApi } from '../api/context.tsx';
import { queries } from '../api/queries.ts';
import { LoadMore } from '../components/load-more.tsx';
import { PageHeader } from '../components/page-header.tsx';
import { PermittedButton } from '../components/permitted-button.tsx';
import { QueryView } from '../components/query-view.tsx';
import { ConfirmDialog } from '../forms/confirm-dialog.tsx';
import { CreateTokenDialog } from '../forms/create-token.tsx';
import { Ago } from '../ui/ago.tsx';
import { Badge } from '../ui/badge.tsx';
import { Card } from '../ui/card.tsx';
import { DateTime } from '../ui/date-time.tsx';
import { EmptyState } from '../ui/empty-state.tsx';
import { Table, type TableColumn } from '../ui/table.tsx';
import { toast } from '../ui/toast.tsx';
import { useNow } from '../util/hooks.ts';

function columns(now: number, onRevoke: (token: TokenDocument) => void): readonly TableColumn<TokenDocument>[] {
  return [
    { id: 'name', label: 'Name', cell: (row) => <span className="font-medium">{row.name}</span> },
    {
      id: 'scope',
      label: 'Scope',
      cell: (row) => <Badge tone={row.scope === 'admin' ? 'warn' : 'neutral'}>{row.scope}</Badge>,
    },
    { id: 'used', label: 'Last used', cell: (row) => <Ago at={row.lastUsedAt} now={now} /> },
    {
      id: 'expires',
      label: 'Expires',
      cell: (row) => (row.expiresAt === null ? 'never' : <DateTime at={row.expiresAt} />),
    },
    { id: 'created', label: 'Created', isSecondary: true, cell: (row) => <DateTime at={row.createdAt} /> },
    {
      id: 'actions',
      label: 'Actions',
      isLabelHidden: true,
      isNumber: true,
      cell: (row) => (
        <PermittedButton
          operation="deleteToken"
          size="small"
          tone="ghost"
          onClick={() => onRevoke(row)}
          aria-label={`Revoke ${row.name}`}
        >
          Revoke
        </PermittedButton>
      ),
    },
  ];
}

export function TokensPage() {
  const api = useApi();
  const now = useNow();
  const queryClient = useQueryClient();
  const query = useInfiniteQuery(queries.tokens(api));
  const items = query.data?.pages.flatMap((page) => page.items) ?? [];
  const [isCreating, setIsCreating] = useState(false);
  const [revoking, setRevoking] = useState<TokenDocument | undefined>();
  const revoke = useMutation({
    mutationFn: (token: TokenDocument) => api.revokeToken(token.id),
    onSuccess: () => toast.done('Revoked'),
    onError: (error) => toast.failed('Not revoked', error),
    onSettled: async () => {
      setRevoking(undefined);
      await queryClient.invalidateQueries({ queryKey: ['tokens'] });
    },
  });
  return (
    <>
      <PageHeader
        title="Tokens"
        note="One for each person, pipeline and machine, so that each can be revoked alone."
        actions={
          <PermittedButton
            operation="createToken"
            tone="primary"
            icon={<Plus className="size-4" aria-hidden="true" />}
            onClick={() => setIsCreating(true)}
          >
            New token
          </PermittedButton>
        }
      />
      <Card isFlush>
        <div className={query.data === undefined ? 'p-4' : ''}>
          <QueryView query={query} lines={4}>
            {() =>
              items.length === 0 ? (
                <EmptyState icon={<KeyRound />} title="No tokens">
                  Make one for your continuous integration with the scope{' '}
                  <code className="font-mono text-text">deploy</code>, and one for callers with{' '}
                  <code className="font-mono text-text">invoke</code>.
                </EmptyState>
              ) : (
                <Table label="Tokens" columns={columns(now, setRevoking)} rows={items} rowKey={(row) => row.id} />
              )
            }
          </QueryView>
          <LoadMore query={query} />
        </div>
      </Card>
      {isCreating && <CreateTokenDialog onClose={() => setIsCreating(false)} />}
      <ConfirmDialog
        isOpen={revoking !== undefined}
        onClose={() => setRevoking(undefined)}
        title={`Revoke ${revoking?.name ?? ''}?`}
        action="Revoke"
        isDangerous
        isBusy={revoke.isPending}
        onConfirm={() => {
          if (revoking !== undefined) revoke.mutate(revoking);
        }}
      >
        <p>Whoever uses this token is signed out at once. It cannot be brought back.</p>
      </ConfirmDialog>
    </>
  );
}
