import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useApi } from '../api/context.tsx';
import { queries } from '../api/queries.ts';
import { paths } from '../path-builder.ts';
import { Ago } from '../ui/ago.tsx';
import { buttonClasses } from '../ui/button.tsx';
import { Card } from '../ui/card.tsx';
import { Sparkline } from '../ui/sparkline.tsx';
import { formatCount } from '../util/format.ts';
import { useNow } from '../util/hooks.ts';

const shown = 5;

/** What failed last and is open: the same groups that the tab Errors shows, newest first. */
export function RecentErrors({ functionName }: { readonly functionName: string }) {
  const now = useNow();
  const { data } = useInfiniteQuery(queries.errorGroups(useApi(), { function: functionName, state: 'open' }));
  if (data === undefined) return null;
  const groups = data.pages.flatMap((page) => page.items);
  return (
    <Card
      title="Recent errors"
      note={groups.length === 0 ? undefined : 'that are open'}
      actions={
        <Link to={paths.function(functionName, 'errors')} className={buttonClasses('ghost', 'small')}>
          All errors
        </Link>
      }
    >
      {groups.length === 0 && <p className="text-sm text-muted">Nothing failed that is not resolved.</p>}
      <ul>
        {groups.slice(0, shown).map((group) => (
          <li
            key={group.id}
            className="flex items-start justify-between gap-3 border-b border-line py-2 first:pt-0 last:border-0 last:pb-0"
          >
            <div className="min-w-0 text-sm">
              <Link
                to={paths.function(functionName, 'errors')}
                search={{ error: group.id }}
                className="line-clamp-2 font-medium break-words text-text hover:underline"
              >
                {group.type}: <span className="font-normal">{group.message}</span>
              </Link>
              <p className="truncate text-xs text-faint">
                <Ago at={group.lastSeenAt} now={now} /> · <span className="font-mono">{group.frame}</span>
              </p>
            </div>
            <span className="tabular inline-flex shrink-0 items-center gap-2.5 text-sm">
              <Sparkline
                values={group.sparkline}
                color="--series-3"
                label={`Failures of ${group.type} in the last 24 hours`}
                className="hidden h-5 w-16 sm:block"
              />
              {formatCount(group.count)}
            </span>
          </li>
        ))}
      </ul>
    </Card>
  );
}
