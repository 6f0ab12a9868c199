import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { Role } from '../../shared/roles.ts';
import { accessQueries } from '../api/access.ts';
import { useApi } from '../api/context.tsx';
import { peopleApi } from '../api/people.ts';
import { Field, Input, Select } from '../ui/field.tsx';
import { FormDialog } from './form-dialog.tsx';
import { allProjects, projectLabel } from './held-roles.ts';
import { PasswordField, passwordProblem } from './password-field.tsx';
import { RoleSelect } from './role-select.tsx';

/** Makes a user with one role; more are given on the page Users afterwards. */
export function CreateUserDialog({ onClose }: { readonly onClose: () => void }) {
  const api = useApi();
  const queryClient = useQueryClient();
  const projects = useQuery(accessQueries.projects(api)).data?.items ?? [];
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const [project, setProject] = useState('default');
  const [role, setRole] = useState<Role>('developer');
  const create = useMutation({
    mutationFn: () => peopleApi.createUser(api, { name: name.trim(), password, roles: [{ project, role }] }),
    onSuccess: async () => {
      onClose();
      await queryClient.invalidateQueries({ queryKey: ['users'] });
    },
  });
  const reason = name.trim() === '' ? 'Give a name' : passwordProblem(password);
  const projectOptions = [
    ...projects.map((item) => ({ value: item.name, label: item.name })),
    { value: allProjects, label: projectLabel(allProjects) },
  ];
  return (
    <FormDialog
      title="New user"
      submit="Create"
      reason={reason}
      isBusy={create.isPending}
      error={create.error}
      onSubmit={() => create.mutate()}
      onClose={onClose}
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
      <PasswordField value={password} onChange={setPassword} />
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
      <Field label="Role">{(control) => <RoleSelect {...control} value={role} onChange={setRole} />}</Field>
    </FormDialog>
  );
}
