import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useApi } from '../api/context.tsx';
import { queries } from '../api/queries.ts';
import { paths } from '../path-builder.ts';
import { Ago } from '../ui/ago.tsx';
import { Card } from '../ui/card.tsx';
import { useNow, useTimeRange } from '../util/hooks.ts';

/** What the markers in the charts stand for. */
export function RecentDeployments() {
  const [range] = useTimeRange();
  const now = useNow();
  const items = useQuery(queries.deployments(useApi(), range, undefined)).data?.items ?? [];
  return (
    <Card title="Deployments" note={`${range.label}; the flags in the charts`}>
      {items.length === 0 && <p className="text-sm text-muted">Nothing was deployed in this range.</p>}
      <ol className="flex flex-col">
        {items.slice(0, 5).map((item) => (
          <li
            key={`${item.functionName} ${item.version}`}
            className="flex min-h-8 items-center gap-3 border-b border-line text-sm last:border-0"
          >
            <Link
              to={paths.function(item.functionName, 'versions')}
              className="max-w-[60%] min-w-0 shrink-0 truncate text-base text-text hover:underline"
            >
              {item.functionName} <span className="text-faint">v{item.version}</span>
            </Link>
            <span className="min-w-0 grow basis-0 truncate text-muted" title={item.message}>
              {item.message}
            </span>
            <span className="min-w-0 shrink-0 truncate text-xs text-faint">
              <Ago at={item.at} now={now} />
              <span className="hidden 2xl:inline"> by {item.by}</span>
            </span>
          </li>
        ))}
      </ol>
      {items.length > 5 && <p className="pt-1.5 text-xs text-faint">and {items.length - 5} more</p>}
    </Card>
  );
}
