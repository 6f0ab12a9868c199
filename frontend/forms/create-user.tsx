import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { type Role, roles } from '../../shared/roles.ts';
import { accessApi, accessQueries } from '../api/access.ts';
import { useApi } from '../api/context.tsx';
import { processServerError } from '../api/server-error.ts';
import { Button } from '../ui/button.tsx';
import { ErrorCallout } from '../ui/callout.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { Field, Input, Select } from '../ui/field.tsx';

const roleTexts: Readonly<Record<Role, string>> = {
  viewer: 'viewer: look only',
  operator: 'operator: call, replay, roll back',
  developer: 'developer: deploy and change functions',
  owner: 'owner: tokens, members, audit too',
};
const roleOptions = roles.map((role) => ({ value: role, label: roleTexts[role] }));

/** Makes a user with one role; more are given with `hearth user grant`. */
export function CreateUserDialog({ onClose }: { readonly onClose: () => void }) {
  const api = useApi();
  const queryClient = useQueryClient();
  const projects = useQuery(accessQueries.projects(api)).data?.items ?? [];
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const [project, setProject] = useState('default');
  const [role, setRole] = useState<Role>('developer');
  const create = useMutation({
    mutationFn: () => accessApi.createUser(api, { name: name.trim(), password, roles: [{ project, role }] }),
    onSuccess: async () => {
      onClose();
      await queryClient.invalidateQueries({ queryKey: ['users'] });
    },
  });
  const reason =
    name.trim() === '' ? 'Give a name' : password.length < 10 ? 'The password needs 10 characters' : undefined;
  const projectOptions = [
    ...projects.map((item) => ({ value: item.name, label: item.name })),
    { value: '*', label: 'all projects' },
  ];
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title="New user"
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" form="create-user" tone="primary" isBusy={create.isPending} disabledReason={reason}>
            Create
          </Button>
        </>
      }
    >
      <form
        id="create-user"
        className="flex flex-col gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          if (reason === undefined) create.mutate();
        }}
      >
        <Field label="Name" hint="Lower-case letters, digits and . _ @ + -">
          {(control) => (
            <Input
              {...control}
              autoFocus
              maxLength={127}
              value={name}
              onChange={(event) => setName(event.target.value)}
            />
          )}
        </Field>
        <Field label="Password" hint="At least 10 characters; the user can change it with hearth password.">
          {(control) => (
            <Input
              {...control}
              type="password"
              autoComplete="new-password"
              maxLength={256}
              value={password}
              onChange={(event) => setPassword(event.target.value)}
            />
          )}
        </Field>
        <Field label="Project">
          {(control) => (
            <Select
              {...control}
              options={projectOptions}
              value={project}
              onChange={(event) => setProject(event.target.value)}
            />
          )}
        </Field>
        <Field label="Role">
          {(control) => (
            <Select
              {...control}
              options={roleOptions}
              value={role}
              onChange={(event) => setRole(roles.find((item) => item === event.target.value) ?? 'viewer')}
            />
          )}
        </Field>
        {create.error !== null && <ErrorCallout error={processServerError(create.error)} />}
      </form>
    </Dialog>
  );
}
