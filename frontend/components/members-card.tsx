import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import { Users } from 'lucide-react';
import { useState } from 'react';
import type { MemberDocument } from '../../shared/api/access.ts';
import type { Role } from '../../shared/roles.ts';
import { useApi } from '../api/context.tsx';
import { peopleApi, peopleQueries } from '../api/people.ts';
import { usePermission } from '../api/permission.ts';
import { ConfirmDialog } from '../forms/confirm-dialog.tsx';
import { RoleSelect } from '../forms/role-select.tsx';
import { Button } from '../ui/button.tsx';
import { Card } from '../ui/card.tsx';
import { EmptyState } from '../ui/empty-state.tsx';
import { Field, Input } from '../ui/field.tsx';
import { Table, type TableColumn } from '../ui/table.tsx';
import { toast } from '../ui/toast.tsx';
import { LoadMore } from './load-more.tsx';
import { QueryView } from './query-view.tsx';

interface Actions {
  readonly change: (name: string, role: Role) => void;
  readonly remove: (member: MemberDocument) => void;
}

const lastOwnerText = 'The last owner of the project; make somebody else an owner first';

function columns(owners: number, { change, remove }: Actions): readonly TableColumn<MemberDocument>[] {
  const isLast = (row: MemberDocument) => row.role === 'owner' && owners === 1;
  return [
    { id: 'name', label: 'Name', onPhone: 'line', cell: (row) => <span className="font-medium">{row.name}</span> },
    {
      id: 'role',
      label: 'Role',
      onPhone: 'bare',
      cell: (row) => (
        <RoleSelect
          aria-label={`Role of ${row.name}`}
          className="max-w-full"
          value={row.role}
          isBarred={(role) => isLast(row) && role !== 'owner'}
          onChange={(role) => change(row.name, role)}
        />
      ),
    },
    {
      id: 'actions',
      label: 'Actions',
      isLabelHidden: true,
      isNumber: true,
      onPhone: 'bare',
      cell: (row) => (
        <Button
          size="small"
          tone="ghost"
          disabledReason={isLast(row) ? lastOwnerText : undefined}
          onClick={() => remove(row)}
          aria-label={`Remove ${row.name}`}
        >
          Remove
        </Button>
      ),
    },
  ];
}

function AddMember({
  isBusy,
  onAdd,
}: {
  readonly isBusy: boolean;
  readonly onAdd: (name: string, role: Role) => Promise<boolean>;
}) {
  const [name, setName] = useState('');
  const [role, setRole] = useState<Role>('developer');
  const reason = name.trim() === '' ? 'Say who' : undefined;
  const submit = async () => {
    if (await onAdd(name.trim(), role)) setName('');
  };
  return (
    <form
      className="flex flex-wrap items-end gap-2 border-t border-line p-4"
      onSubmit={(event) => {
        event.preventDefault();
        if (reason === undefined && !isBusy) submit().catch(() => undefined);
      }}
    >
      <Field label="User" className="w-48 grow sm:grow-0" hint="Somebody who exists">
        {(control) => (
          <Input {...control} maxLength={127} value={name} onChange={(event) => setName(event.target.value)} />
        )}
      </Field>
      <Field label="Role" hint="In this project">
        {(control) => <RoleSelect {...control} value={role} onChange={setRole} />}
      </Field>
      <div className="sm:mb-5">
        <Button type="submit" isBusy={isBusy} disabledReason={reason}>
          Add member
        </Button>
      </div>
    </form>
  );
}

function Members({ project }: { readonly project: string }) {
  const api = useApi();
  const queryClient = useQueryClient();
  const query = useInfiniteQuery(peopleQueries.members(api, project));
  const items = query.data?.pages.flatMap((page) => page.items) ?? [];
  const [removing, setRemoving] = useState<MemberDocument | undefined>();
  const renew = async () => {
    setRemoving(undefined);
    // Somebody may have changed what they may do themselves.
    await Promise.all(
      ['members', 'whoami', 'projects', 'users'].map((key) => queryClient.invalidateQueries({ queryKey: [key] })),
    );
  };
  const put = useMutation({
    mutationFn: ({ name, role }: MemberDocument) => peopleApi.putMember(api, project, name, role),
    onSuccess: ({ name, role }) => toast.done(`${name} is ${role} in ${project}`),
    onError: (error) => toast.failed('Not changed', error),
    onSettled: renew,
  });
  const remove = useMutation({
    mutationFn: ({ name }: MemberDocument) => peopleApi.removeMember(api, project, name),
    onSuccess: (_nothing, { name }) => toast.done(`${name} was removed`),
    onError: (error) => toast.failed('Not removed', error),
    onSettled: renew,
  });
  // With more to load there may be more owners: the platform decides then.
  const owners = query.hasNextPage ? Number.POSITIVE_INFINITY : items.filter(({ role }) => role === 'owner').length;
  return (
    <>
      <div className={query.data === undefined ? 'p-4' : ''}>
        <QueryView query={query} lines={3}>
          {() =>
            items.length === 0 ? (
              <EmptyState icon={<Users />} title="Nobody has a role in this project">
                Owners of all projects work in it as well; they are not listed here.
              </EmptyState>
            ) : (
              <Table
                label="Members"
                isStacked
                columns={columns(owners, { change: (name, role) => put.mutate({ name, role }), remove: setRemoving })}
                rows={items}
                rowKey={(row) => row.name}
              />
            )
          }
        </QueryView>
        <LoadMore query={query} />
      </div>
      <div hidden={query.isPending}>
        <AddMember
          isBusy={put.isPending}
          onAdd={(name, role) =>
            put.mutateAsync({ name, role }).then(
              () => true,
              () => false,
            )
          }
        />
      </div>
      <ConfirmDialog
        isOpen={removing !== undefined}
        onClose={() => setRemoving(undefined)}
        title={`Remove ${removing?.name ?? ''} from ${project}?`}
        action="Remove"
        isDangerous
        isBusy={remove.isPending}
        onConfirm={() => {
          if (removing !== undefined) remove.mutate(removing);
        }}
      >
        <p>The user stays, without a role in this project. A role in all projects is not touched.</p>
      </ConfirmDialog>
    </>
  );
}

/** Who works in a project, for its owners; others are told whom to ask. */
export function MembersCard({ project }: { readonly project: string }) {
  const refusal = usePermission('listMembers', project);
  return (
    <Card title="Members" note="people with a role in this project" isFlush>
      {refusal === undefined ? (
        <Members project={project} />
      ) : (
        <p className="p-4 text-sm text-muted">Seeing who works in this project {refusal}.</p>
      )}
    </Card>
  );
}
