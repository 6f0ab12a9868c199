import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { ScheduleRun } from '../../shared/api/functions.ts';
import { useApi } from '../api/context.tsx';
import { scheduleRunsQuery } from '../api/triggers.ts';
import { paths } from '../path-builder.ts';
import { DateTime } from '../ui/date-time.tsx';
import { QueryView } from './query-view.tsx';
import { StatusBadge } from './status.tsx';

const kinds: Readonly<Record<ScheduleRun['kind'], string>> = {
  tick: 'on time',
  skipped: 'skipped',
  manual: 'run by hand',
};

/** What a schedule did last, each with what became of it. */
export function ScheduleRuns({ id }: { readonly id: string }) {
  const query = useQuery(scheduleRunsQuery(useApi(), id));
  return (
    <QueryView query={query} lines={2}>
      {({ items }) =>
        items.length === 0 ? (
          <p className="text-xs text-faint">It has not run yet.</p>
        ) : (
          <ul aria-label="Last runs" className="flex flex-col gap-1">
            {items.map((run) => (
              <li key={`${run.at} ${run.kind}`} className="tabular flex flex-wrap items-center gap-x-3 text-xs">
                {run.invocationId === null ? (
                  <DateTime at={run.at} />
                ) : (
                  <Link to={paths.invocation(run.invocationId)} className="inline-flex min-h-6 items-center">
                    <DateTime at={run.at} />
                  </Link>
                )}
                <span className="text-muted">{kinds[run.kind]}</span>
                {run.status !== null && <StatusBadge status={run.status} />}
              </li>
            ))}
          </ul>
        )
      }
    </QueryView>
  );
}
