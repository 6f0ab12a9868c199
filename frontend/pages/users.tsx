import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import { Plus, Users } from 'lucide-react';
import { useState } from 'react';
import type { UserDocument } from '../../shared/api/access.ts';
import { accessApi, accessQueries } from '../api/access.ts';
import { useApi } from '../api/context.tsx';
import { LoadMore } from '../components/load-more.tsx';
import { PageHeader } from '../components/page-header.tsx';
import { QueryView } from '../components/query-view.tsx';
import { ConfirmDialog } from '../forms/confirm-dialog.tsx';
import { CreateUserDialog } from '../forms/create-user.tsx';
import { Badge } from '../ui/badge.tsx';
import { Button } from '../ui/button.tsx';
import { Card } from '../ui/card.tsx';
import { EmptyState } from '../ui/empty-state.tsx';
import { Table, type TableColumn } from '../ui/table.tsx';
import { toast } from '../ui/toast.tsx';
import { formatDateTime } from '../util/format.ts';

interface Actions {
  readonly toggle: (user: UserDocument) => void;
  readonly remove: (user: UserDocument) => void;
}

function columns({ toggle, remove }: Actions): readonly TableColumn<UserDocument>[] {
  return [
    { id: 'name', label: 'Name', cell: (row) => <span className="font-medium">{row.name}</span> },
    {
      id: 'roles',
      label: 'Roles',
      cell: (row) => (
        <span className="flex flex-wrap gap-1">
          {row.roles.map(({ project, role }) => (
            <Badge key={project} tone={role === 'owner' ? 'warn' : 'neutral'}>
              {project === '*' ? 'all projects' : project}: {role}
            </Badge>
          ))}
        </span>
      ),
    },
    { id: 'state', label: 'State', cell: (row) => (row.isDisabled ? <Badge tone="danger">disabled</Badge> : 'active') },
    { id: 'created', label: 'Created', isSecondary: true, cell: (row) => formatDateTime(row.createdAt) },
    {
      id: 'actions',
      label: 'Actions',
      isLabelHidden: true,
      isNumber: true,
      cell: (row) => {
        const verb = row.isDisabled ? 'Enable' : 'Disable';
        return (
          <>
            <Button size="small" tone="ghost" onClick={() => toggle(row)} aria-label={`${verb} ${row.name}`}>
              {verb}
            </Button>
            <Button size="small" tone="ghost" onClick={() => remove(row)} aria-label={`Delete ${row.name}`}>
              Delete
            </Button>
          </>
        );
      },
    },
  ];
}

/** People and their roles. */
export function UsersPage() {
  const api = useApi();
  const queryClient = useQueryClient();
  const query = useInfiniteQuery(accessQueries.users(api));
  const items = query.data?.pages.flatMap((page) => page.items) ?? [];
  const [isCreating, setIsCreating] = useState(false);
  const [removing, setRemoving] = useState<UserDocument | undefined>();
  const onSettled = async () => {
    setRemoving(undefined);
    await queryClient.invalidateQueries({ queryKey: ['users'] });
  };
  const toggle = useMutation({
    mutationFn: ({ name, isDisabled }: UserDocument) => accessApi.updateUser(api, name, { isDisabled: !isDisabled }),
    onError: (error) => toast.failed('Not changed', error),
    onSettled,
  });
  const remove = useMutation({
    mutationFn: ({ name }: UserDocument) => accessApi.deleteUser(api, name),
    onSuccess: () => toast.done('Deleted'),
    onError: (error) => toast.failed('Not deleted', error),
    onSettled,
  });
  return (
    <>
      <PageHeader
        title="Users"
        note="People who sign in with a password, and what they may do in which project."
        actions={
          <Button
            tone="primary"
            icon={<Plus className="size-4" aria-hidden="true" />}
            onClick={() => setIsCreating(true)}
          >
            New user
          </Button>
        }
      />
      <Card isFlush>
        <div className={query.data === undefined ? 'p-4' : ''}>
          <QueryView query={query} lines={4}>
            {() =>
              items.length === 0 ? (
                <EmptyState icon={<Users />} title="No users">
                  Make one for each person; make yourself an owner of all projects first.
                </EmptyState>
              ) : (
                <Table
                  label="Users"
                  columns={columns({ toggle: (user) => toggle.mutate(user), remove: setRemoving })}
                  rows={items}
                  rowKey={(row) => row.id}
                />
              )
            }
          </QueryView>
          <LoadMore query={query} />
        </div>
      </Card>
      {isCreating && <CreateUserDialog onClose={() => setIsCreating(false)} />}
      <ConfirmDialog
        isOpen={removing !== undefined}
        onClose={() => setRemoving(undefined)}
        title={`Delete ${removing?.name ?? ''}?`}
        action="Delete"
        isDangerous
        isBusy={remove.isPending}
        onConfirm={() => {
          if (removing !== undefined) remove.mutate(removing);
        }}
      >
        <p>All sessions of this user end at once. What the user did stays in the audit trail.</p>
      </ConfirmDialog>
    </>
  );
}
