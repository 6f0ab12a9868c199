import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { ProjectDocument } from '../../shared/api/access.ts';
import { useApi } from '../api/context.tsx';
import { peopleApi } from '../api/people.ts';
import { Field, Input, TextArea } from '../ui/field.tsx';
import { toast } from '../ui/toast.tsx';
import { FormDialog } from './form-dialog.tsx';
import { nameError } from './names.ts';

export interface ProjectDialogProps {
  /** The one that is described anew; undefined: a new one. */
  readonly project?: ProjectDocument;
  readonly onClose: () => void;
}

/** Makes a project, or changes what is said of one: a name never changes. */
export function ProjectDialog({ project, onClose }: ProjectDialogProps) {
  const api = useApi();
  const queryClient = useQueryClient();
  const [name, setName] = useState(project?.name ?? '');
  const [description, setDescription] = useState(project?.description ?? '');
  const isNew = project === undefined;
  const save = useMutation({
    mutationFn: () =>
      isNew ? peopleApi.createProject(api, { name, description }) : peopleApi.describeProject(api, name, description),
    onSuccess: async () => {
      toast.done(isNew ? `Project ${name} was created` : 'Saved');
      onClose();
      await queryClient.invalidateQueries({ queryKey: ['projects'] });
    },
  });
  const problem = isNew ? nameError(name) : undefined;
  const reason = name === '' ? 'Give it a name' : problem;
  return (
    <FormDialog
      title={isNew ? 'New project' : `Describe ${name}`}
      submit={isNew ? 'Create' : 'Save'}
      reason={reason}
      isBusy={save.isPending}
      error={save.error}
      onSubmit={() => save.mutate()}
      onClose={onClose}
    >
      {isNew && (
        <Field
          label="Name"
          hint={`Never changes. Its functions answer below /~${name === '' ? 'name' : name}/`}
          error={name === '' ? undefined : problem}
        >
          {(control) => (
            <Input
              {...control}
              autoFocus
              maxLength={64}
              value={name}
              onChange={(event) => setName(event.target.value.trim())}
            />
          )}
        </Field>
      )}
      <Field label="Description" hint="What it is for">
        {(control) => (
          <TextArea
            {...control}
            autoFocus={!isNew}
            rows={3}
            maxLength={2000}
            value={description}
            onChange={(event) => setDescription(event.target.value)}
          />
        )}
      </Field>
    </FormDialog>
  );
}
