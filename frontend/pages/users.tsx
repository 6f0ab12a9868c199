import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Plus, Users } from 'lucide-react';
import { useState } from 'react';
import type { UserDocument } from '../../shared/api/access.ts';
import { useApi } from '../api/context.tsx';
import { peopleApi, peopleQueries } from '../api/people.ts';
import { processServerError } from '../api/server-error.ts';
import { LoadMore } from '../components/load-more.tsx';
import { PageHeader } from '../components/page-header.tsx';
import { QueryView } from '../components/query-view.tsx';
import { useUpdateUser } from '../components/use-update-user.ts';
import { ConfirmDialog } from '../forms/confirm-dialog.tsx';
import { CreateUserDialog } from '../forms/create-user.tsx';
import { projectLabel } from '../forms/held-roles.ts';
import { UserPasswordDialog } from '../forms/user-password.tsx';
import { UserRolesDialog } from '../forms/user-roles.tsx';
import { paths } from '../path-builder.ts';
import { Badge } from '../ui/badge.tsx';
import { Button } from '../ui/button.tsx';
import { ErrorCallout } from '../ui/callout.tsx';
import { Card } from '../ui/card.tsx';
import { DateTime } from '../ui/date-time.tsx';
import { EmptyState } from '../ui/empty-state.tsx';
import { Table, type TableColumn } from '../ui/table.tsx';
import { toast } from '../ui/toast.tsx';

/** What is asked about which user. */
interface Question {
  readonly about: 'roles' | 'password' | 'disable' | 'delete';
  readonly user: UserDocument;
}

interface Actions {
  readonly ask: (question: Question) => void;
  readonly enable: (user: UserDocument) => void;
}

function Row({ user, ask, enable }: Actions & { readonly user: UserDocument }) {
  const action = (label: string, onClick: () => void) => (
    <Button size="small" tone="ghost" onClick={onClick} aria-label={`${label}: ${user.name}`}>
      {label}
    </Button>
  );
  return (
    <span className="inline-flex gap-x-1 max-sm:-ml-2 max-sm:flex-wrap">
      {action('Roles', () => ask({ about: 'roles', user }))}
      {action('Password', () => ask({ about: 'password', user }))}
      {user.isDisabled
        ? action('Enable', () => enable(user))
        : action('Disable', () => ask({ about: 'disable', user }))}
      {action('Delete', () => ask({ about: 'delete', user }))}
    </span>
  );
}

function columns(actions: Actions): readonly TableColumn<UserDocument>[] {
  return [
    { id: 'name', label: 'Name', onPhone: 'bare', cell: (row) => <span className="font-medium">{row.name}</span> },
    {
      id: 'roles',
      label: 'Roles',
      onPhone: 'line',
      cell: (row) => (
        <span className="flex flex-wrap gap-1">
          {row.roles.map(({ project, role }) => (
            <Badge key={project} tone={role === 'owner' ? 'warn' : 'neutral'}>
              {projectLabel(project)}: {role}
            </Badge>
          ))}
        </span>
      ),
    },
    {
      id: 'state',
      label: 'State',
      onPhone: 'bare',
      cell: (row) => {
        if (row.isDisabled) return <Badge tone="danger">disabled</Badge>;
        return row.hasPassword ? 'active' : <Badge tone="warn">no password</Badge>;
      },
    },
    { id: 'created', label: 'Created', isSecondary: true, cell: (row) => <DateTime at={row.createdAt} /> },
    {
      id: 'actions',
      label: 'Actions',
      isLabelHidden: true,
      isNumber: true,
      onPhone: 'line',
      cell: (row) => <Row user={row} {...actions} />,
    },
  ];
}

function DisableUser({ user, onClose }: { readonly user: UserDocument; readonly onClose: () => void }) {
  const disable = useUpdateUser(`${user.name} is disabled`, onClose);
  return (
    <ConfirmDialog
      isOpen
      onClose={onClose}
      title={`Disable ${user.name}?`}
      action="Disable"
      isDangerous
      isBusy={disable.isPending}
      onConfirm={() => disable.mutate({ name: user.name, change: { isDisabled: true } })}
    >
      <p>All sessions of this user end at once, and none can begin until the user is enabled again. Roles stay.</p>
      {disable.error !== null && <ErrorCallout error={processServerError(disable.error)} />}
    </ConfirmDialog>
  );
}

function DeleteUser({ user, onClose }: { readonly user: UserDocument; readonly onClose: () => void }) {
  const api = useApi();
  const queryClient = useQueryClient();
  const remove = useMutation({
    mutationFn: () => peopleApi.deleteUser(api, user.name),
    onSuccess: async () => {
      toast.done(`${user.name} was deleted`);
      onClose();
      await queryClient.invalidateQueries({ queryKey: ['users'] });
    },
  });
  return (
    <ConfirmDialog
      isOpen
      onClose={onClose}
      title={`Delete ${user.name}?`}
      action="Delete"
      isDangerous
      isBusy={remove.isPending}
      onConfirm={() => remove.mutate()}
    >
      <p>All sessions of this user end at once. What the user did stays in the audit trail.</p>
      {remove.error !== null && <ErrorCallout error={processServerError(remove.error)} />}
    </ConfirmDialog>
  );
}

function Dialogs({ about, user, onClose }: Question & { readonly onClose: () => void }) {
  if (about === 'roles') return <UserRolesDialog user={user} onClose={onClose} />;
  if (about === 'password') return <UserPasswordDialog user={user} onClose={onClose} />;
  if (about === 'disable') return <DisableUser user={user} onClose={onClose} />;
  return <DeleteUser user={user} onClose={onClose} />;
}

/** People and their roles. */
export function UsersPage() {
  const query = useInfiniteQuery(peopleQueries.users(useApi()));
  const items = query.data?.pages.flatMap((page) => page.items) ?? [];
  const [isCreating, setIsCreating] = useState(false);
  const [question, setQuestion] = useState<Question | undefined>();
  const close = () => setQuestion(undefined);
  const enable = useUpdateUser('The user can sign in again', close);
  return (
    <>
      <PageHeader
        title="Users"
        note={
          <>
            Everybody who may sign in, with their roles. Owners of a project find its members on the page{' '}
            <Link to={paths.projects()}>Projects</Link>.
          </>
        }
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
                  isStacked
                  columns={columns({
                    ask: setQuestion,
                    enable: ({ name }) =>
                      enable.mutate(
                        { name, change: { isDisabled: false } },
                        { onError: (error) => toast.failed('Not enabled', error) },
                      ),
                  })}
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
      {question !== undefined && <Dialogs {...question} onClose={close} />}
    </>
  );
}
