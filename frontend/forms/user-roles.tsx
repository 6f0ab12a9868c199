import { useQuery } from '@tanstack/react-query';
import { X } from 'lucide-react';
import { useState } from 'react';
import type { UserDocument } from '../../shared/api/access.ts';
import type { Role } from '../../shared/roles.ts';
import { accessQueries } from '../api/access.ts';
import { useApi } from '../api/context.tsx';
import { processServerError } from '../api/server-error.ts';
import { useUpdateUser } from '../components/use-update-user.ts';
import { Button, IconButton } from '../ui/button.tsx';
import { ErrorCallout } from '../ui/callout.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { Field, Select } from '../ui/field.tsx';
import { areSameRoles, freeProjects, type HeldRoles, projectLabel, withoutProject, withRole } from './held-roles.ts';
import { RoleSelect } from './role-select.tsx';

function HeldRole({
  project,
  role,
  onChange,
}: HeldRoles[number] & { readonly onChange: (role: Role | undefined) => void }) {
  const label = projectLabel(project);
  return (
    <li className="flex flex-wrap items-center gap-2 border-b border-line py-2 last:border-0">
      <span className="min-w-0 basis-full font-medium break-words sm:basis-40 sm:grow">{label}</span>
      <RoleSelect
        aria-label={`Role in ${label}`}
        className="min-w-0 flex-1 sm:flex-none"
        value={role}
        onChange={onChange}
      />
      <IconButton label={`Take away the role in ${label}`} onClick={() => onChange(undefined)}>
        <X className="size-4" aria-hidden="true" />
      </IconButton>
    </li>
  );
}

function AddRole({
  projects,
  onAdd,
}: {
  readonly projects: readonly string[];
  readonly onAdd: (project: string, role: Role) => void;
}) {
  const [chosen, setChosen] = useState('');
  const [role, setRole] = useState<Role>('viewer');
  const project = projects.includes(chosen) ? chosen : (projects.at(-1) ?? '');
  if (project === '') return null;
  return (
    <div className="flex flex-wrap items-end gap-2">
      <Field label="Project">
        {(control) => (
          <Select
            {...control}
            options={projects.map((value) => ({ value, label: projectLabel(value) }))}
            value={project}
            onChange={(event) => setChosen(event.target.value)}
          />
        )}
      </Field>
      <Field label="Role">{(control) => <RoleSelect {...control} value={role} onChange={setRole} />}</Field>
      <Button onClick={() => onAdd(project, role)}>Add</Button>
    </div>
  );
}

/** What a user may do in which project; nothing changes before it is saved. */
export function UserRolesDialog({ user, onClose }: { readonly user: UserDocument; readonly onClose: () => void }) {
  const projects = useQuery(accessQueries.projects(useApi())).data?.items ?? [];
  const [held, setHeld] = useState<HeldRoles>(user.roles);
  const save = useUpdateUser(`Roles of ${user.name} were changed`, onClose);
  const free = freeProjects(
    held,
    projects.map(({ name }) => name),
  );
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title={`Roles of ${user.name}`}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            tone="primary"
            isBusy={save.isPending}
            disabledReason={areSameRoles(held, user.roles) ? 'Nothing was changed' : undefined}
            onClick={() => save.mutate({ name: user.name, change: { roles: [...held] } })}
          >
            Save
          </Button>
        </>
      }
    >
      <div className="flex flex-col gap-4">
        {held.length === 0 ? (
          <p className="text-sm text-muted">No role: this user may sign in, and do nothing.</p>
        ) : (
          <ul>
            {held.map((item) => (
              <HeldRole
                key={item.project}
                {...item}
                onChange={(role) =>
                  setHeld(role === undefined ? withoutProject(held, item.project) : withRole(held, item.project, role))
                }
              />
            ))}
          </ul>
        )}
        <AddRole projects={free} onAdd={(project, role) => setHeld(withRole(held, project, role))} />
        {save.error !== null && <ErrorCallout error={processServerError(save.error)} />}
      </div>
    </Dialog>
  );
}
