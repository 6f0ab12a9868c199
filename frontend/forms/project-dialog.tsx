import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { ProjectDocument } from '../../shared/api/access.ts';
import { useApi } from '../api/context.tsx';
import { peopleApi } from '../api/people.ts';
import { processServerError } from '../api/server-error.ts';
import { Button } from '../ui/button.tsx';
import { ErrorCallout } from '../ui/callout.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { Field, Input, TextArea } from '../ui/field.tsx';
import { toast } from '../ui/toast.tsx';
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
    <Dialog
      isOpen
      onClose={onClose}
      title={isNew ? 'New project' : `Describe ${name}`}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" form="project" tone="primary" isBusy={save.isPending} disabledReason={reason}>
            {isNew ? 'Create' : 'Save'}
          </Button>
        </>
      }
    >
      <form
        id="project"
        className="flex flex-col gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          if (reason === undefined) save.mutate();
        }}
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
        {save.error !== null && <ErrorCallout error={processServerError(save.error)} />}
      </form>
    </Dialog>
  );
}
