import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import type { ProjectDocument } from '../../shared/api/access.ts';
import { defaultProject } from '../../shared/names.ts';
import { useApi, useBackend } from '../api/context.tsx';
import { peopleApi, peopleQueries } from '../api/people.ts';
import { usePermission } from '../api/permission.ts';
import { MembersCard } from '../components/members-card.tsx';
import { PageHeader } from '../components/page-header.tsx';
import { PermittedButton } from '../components/permitted-button.tsx';
import { QueryView } from '../components/query-view.tsx';
import { ConfirmDialog } from '../forms/confirm-dialog.tsx';
import { ProjectDialog } from '../forms/project-dialog.tsx';
import { paths } from '../path-builder.ts';
import { Card } from '../ui/card.tsx';
import { DateTime } from '../ui/date-time.tsx';
import { toast } from '../ui/toast.tsx';
import { counted } from '../util/format.ts';
import { useNameParam } from '../util/hooks.ts';

/** What is in the project, for those who may delete it. */
function contentsText({ contents }: ProjectDocument): string | undefined {
  if (contents === null) return undefined;
  const { functions, members, tokens, secrets } = contents;
  const parts = [
    counted(functions, 'function'),
    counted(members, 'member'),
    counted(tokens, 'token'),
    counted(secrets, 'secret'),
  ];
  return parts.join(', ');
}

/** What is in it, and since when it is there; the default project was there before there was a clock. */
function Facts({ project }: { readonly project: ProjectDocument }) {
  const contents = contentsText(project);
  const isDefault = project.name === defaultProject;
  return (
    <p className="tabular text-sm text-muted">
      {contents}
      {contents !== undefined && !isDefault && ' · '}
      {!isDefault && (
        <>
          created <DateTime at={project.createdAt} />
        </>
      )}
    </p>
  );
}

/** Why the project cannot be deleted by anybody now. */
function obstacleOf({ name, contents }: ProjectDocument): string | undefined {
  if (name === defaultProject) return 'The default project cannot be deleted';
  if (contents === null || contents.functions === 0) return undefined;
  return `It has ${counted(contents.functions, 'function')}; delete what is in it first`;
}

function DeleteProject({ project }: { readonly project: ProjectDocument }) {
  const { api, session } = useBackend();
  const navigate = useNavigate();
  const queryClient = useQueryClient();
  const [isAsking, setIsAsking] = useState(false);
  const { name } = project;
  const remove = useMutation({
    mutationFn: () => peopleApi.deleteProject(api, name),
    onSuccess: async () => {
      toast.done(`Project ${name} was deleted`);
      await navigate({ to: paths.projects() });
      // Everything that was loaded for it would be asked for in vain.
      if (session.project === name) session.showProject(undefined);
      await queryClient.invalidateQueries({ queryKey: ['projects'] });
    },
    onError: (error) => toast.failed('Not deleted', error),
    onSettled: () => setIsAsking(false),
  });
  return (
    <Card title="Danger zone" className="border-danger">
      <p className="mb-3 text-sm text-muted">
        Deleting takes its tokens, secrets and roles along. Invocations and logs stay until their retention ends, and
        the name is never given out again.
      </p>
      <PermittedButton
        operation="deleteProject"
        tone="danger"
        disabledReason={obstacleOf(project)}
        onClick={() => setIsAsking(true)}
      >
        Delete this project
      </PermittedButton>
      <ConfirmDialog
        isOpen={isAsking}
        onClose={() => setIsAsking(false)}
        title={`Delete ${name}?`}
        action="Delete for good"
        isDangerous
        isBusy={remove.isPending}
        typed={name}
        onConfirm={() => remove.mutate()}
      >
        <p>In it: {contentsText(project)}. Whoever uses its tokens is signed out at once. This cannot be undone.</p>
      </ConfirmDialog>
    </Card>
  );
}

/** One project: what it is for, who works in it, and its end. */
export function ProjectPage() {
  const name = useNameParam();
  const query = useQuery(peopleQueries.project(useApi(), name));
  const mayList = usePermission('listMembers', name) === undefined;
  // What is below their list is seen once that has its height.
  const members = useInfiniteQuery({ ...peopleQueries.members(useApi(), name), enabled: mayList });
  const [isEditing, setIsEditing] = useState(false);
  return (
    <>
      <PageHeader
        title={name}
        heading={
          <>
            <Link to={paths.projects()} className="font-normal text-faint no-underline hover:text-text">
              Projects <span aria-hidden="true">/</span>{' '}
            </Link>
            {name}
          </>
        }
        note={query.data?.description || undefined}
        actions={
          <PermittedButton
            operation="updateProject"
            disabledReason={query.data === undefined ? 'Loading' : undefined}
            onClick={() => setIsEditing(true)}
          >
            Describe
          </PermittedButton>
        }
      />
      <QueryView query={query} lines={6}>
        {(project) => (
          <div className="flex flex-col gap-4">
            <Facts project={project} />
            <MembersCard project={name} />
            <div hidden={members.isLoading}>
              <DeleteProject project={project} />
            </div>
            {isEditing && <ProjectDialog project={project} onClose={() => setIsEditing(false)} />}
          </div>
        )}
      </QueryView>
    </>
  );
}
