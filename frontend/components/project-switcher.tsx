import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { Settings2 } from 'lucide-react';
import { accessQueries } from '../api/access.ts';
import { useBackend, useShownProject } from '../api/context.tsx';
import { paths } from '../path-builder.ts';
import { buttonClasses } from '../ui/button.tsx';
import { Select } from '../ui/field.tsx';

/** Chooses which project the dashboard shows; not there for those who may see one alone. */
export function ProjectSwitcher() {
  const { api, session } = useBackend();
  const shown = useShownProject();
  const navigate = useNavigate();
  const { data } = useQuery(accessQueries.projects(api));
  const projects = data?.items ?? [];
  if (projects.length < 2) return null;
  const own = { value: '', label: 'Project of my token' };
  const options = [own, ...projects.map(({ name }) => ({ value: name, label: name }))];
  return (
    <div className="flex items-center gap-1">
      <Select
        aria-label="Project"
        className="min-w-0 grow"
        options={options}
        value={shown ?? ''}
        onChange={(event) => {
          // What is open belongs to the project that was shown.
          void navigate({ to: paths.overview() });
          session.showProject(event.target.value === '' ? undefined : event.target.value);
        }}
      />
      <Link
        to={paths.projects()}
        title="Projects and members"
        aria-label="Projects and members"
        className={buttonClasses('ghost', 'small')}
      >
        <Settings2 className="size-4" aria-hidden="true" />
      </Link>
    </div>
  );
}
