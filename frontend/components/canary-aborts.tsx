import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useApi } from '../api/context.tsx';
import { queries } from '../api/queries.ts';
import { paths } from '../path-builder.ts';
import { Ago } from '../ui/ago.tsx';
import { Callout } from '../ui/callout.tsx';
import { useNow } from '../util/hooks.ts';
import { timeRangeOf } from '../util/time-range.ts';

const lastDay = timeRangeOf('24h');
const mostShown = 3;

const useAborts = (functionName: string | undefined) => useQuery(queries.canaryAborts(useApi(), lastDay, functionName));

/** Whether it is known if there are some; what is below them would move when they come late. */
export const useAreAbortsKnown = (functionName?: string): boolean => !useAborts(functionName).isLoading;

/** Canaries of the last day that the platform took back; nothing where there were none. Of one function, or of all. */
export function CanaryAborts({ functionName }: { readonly functionName?: string }) {
  const now = useNow();
  const items = useAborts(functionName).data?.items ?? [];
  if (items.length === 0) return null;
  const title = items.length === 1 ? 'A canary was taken back' : `${items.length} canaries were taken back`;
  return (
    <div className="mb-4">
      <Callout tone="warn" title={`${title} in the last 24 hours`}>
        <ul className="flex flex-col gap-1">
          {items.slice(0, mostShown).map((abort) => (
            <li key={`${abort.functionName} ${abort.alias} ${abort.at}`}>
              <Link to={paths.function(abort.functionName, 'versions')} className="font-medium wrap-anywhere">
                {abort.functionName}
              </Link>
              {abort.alias === 'live' ? '' : ` (${abort.alias})`}, <Ago at={abort.at} now={now} />: {abort.reason}
            </li>
          ))}
          {items.length > mostShown && <li>and {items.length - mostShown} more</li>}
        </ul>
      </Callout>
    </div>
  );
}
