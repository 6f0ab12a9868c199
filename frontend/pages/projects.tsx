import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { Plus } from 'lucide-react';
import { useState } from 'react';
import type { ProjectDocument } from '../../shared/api/access.ts';
import { defaultProject } from '../../shared/names.ts';
import { accessQueries } from '../api/access.ts';
import { useBackend, useShownProject } from '../api/context.tsx';
import { PageHeader } from '../components/page-header.tsx';
import { PermittedButton } from '../components/permitted-button.tsx';
import { QueryView } from '../components/query-view.tsx';
import { ProjectDialog } from '../forms/project-dialog.tsx';
import { paths } from '../path-builder.ts';
import { Badge } from '../ui/badge.tsx';
import { Button } from '../ui/button.tsx';
import { Card } from '../ui/card.tsx';
import { DateTime } from '../ui/date-time.tsx';
import { Table, type TableColumn } from '../ui/table.tsx';

function columns(shown: string | undefined, open: (name: string) => void): readonly TableColumn<ProjectDocument>[] {
  const count = (id: 'functions' | 'members', label: string): TableColumn<ProjectDocument> => ({
    id,
    label,
    isNumber: true,
    cell: (row) => row.contents?.[id] ?? '–',
  });
  return [
    {
      id: 'name',
      label: 'Project',
      onPhone: 'bare',
      cell: (row) => (
        <span className="inline-flex items-center gap-2">
          <Link to={paths.project(row.name)} className="font-medium text-text hover:underline">
            {row.name}
          </Link>
          {row.name === shown && <Badge tone="accent">shown</Badge>}
        </span>
      ),
    },
    {
      id: 'description',
      label: 'Description',
      onPhone: 'line',
      className: 'max-w-96 break-words',
      cell: (row) => row.description || <span className="text-faint">no description</span>,
    },
    count('functions', 'Functions'),
    count('members', 'Members'),
    {
      id: 'created',
      label: 'Created',
      isSecondary: true,
      cell: (row) => (row.name === defaultProject ? '–' : <DateTime at={row.createdAt} />),
    },
    {
      id: 'actions',
      label: 'Actions',
      isLabelHidden: true,
      isNumber: true,
      onPhone: 'bare',
      cell: (row) =>
        row.name === shown ? null : (
          <Button size="small" tone="ghost" onClick={() => open(row.name)} aria-label={`Show ${row.name}`}>
            Show
          </Button>
        ),
    },
  ];
}

/** The projects that the person may see, with a way into each. */
export function ProjectsPage() {
  const { api, session } = useBackend();
  const navigate = useNavigate();
  const shown = useShownProject();
  const query = useQuery({ ...accessQueries.projects(api), staleTime: 0 });
  const [isCreating, setIsCreating] = useState(false);
  const open = (name: string) => {
    void navigate({ to: paths.overview() });
    session.showProject(name);
  };
  return (
    <>
      <PageHeader
        title="Projects"
        note="Each keeps its functions, invocations, logs, secrets, tokens and people apart."
        actions={
          <PermittedButton
            operation="createProject"
            tone="primary"
            icon={<Plus className="size-4" aria-hidden="true" />}
            onClick={() => setIsCreating(true)}
          >
            New project
          </PermittedButton>
        }
      />
      <Card isFlush>
        <div className={query.data === undefined ? 'p-4' : ''}>
          <QueryView query={query} lines={4}>
            {({ items }) => (
              <Table
                label="Projects"
                isStacked
                columns={columns(shown, open)}
                rows={items}
                rowKey={(row) => row.name}
              />
            )}
          </QueryView>
        </div>
      </Card>
      {isCreating && <ProjectDialog onClose={() => setIsCreating(false)} />}
    </>
  );
}
