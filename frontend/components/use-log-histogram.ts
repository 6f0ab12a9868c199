import { keepPreviousData, type UseQueryResult, useQuery } from '@tanstack/react-query';
import type { LogHistogram } from '../../shared/api/log-histogram.ts';
import { apiPaths } from '../api/api.ts';
import { useApi, useShownProject } from '../api/context.tsx';
import type { TimeRange } from '../util/time-range.ts';

const maxBars = 80;
/** What comes in between is added from what is followed. */
const refreshMs = 10_000;
/** Where the platform had to look at lines: it does so again less often. */
const slowRefreshMs = 30_000;

/** How many stored lines match the filter in a range, over time and by level; renewed while the range goes on with the clock. */
export function useLogHistogram(
  functionName: string | undefined,
  filter: string,
  range: TimeRange,
): UseQueryResult<LogHistogram> {
  const { client } = useApi();
  const project = useShownProject();
  const { fixed, spanMs } = range;
  return useQuery({
    queryKey: ['log-histogram', project, functionName ?? '', filter, range.id],
    queryFn: ({ signal }) => {
      const untilMs = fixed === undefined ? Date.now() : fixed.toMs - 1;
      const query = {
        filter,
        since: new Date(untilMs - spanMs + 1).toISOString(),
        until: new Date(untilMs).toISOString(),
        steps: maxBars,
      };
      return client.json<LogHistogram>('GET', `${apiPaths.logs(functionName)}/histogram`, { query, signal });
    },
    placeholderData: keepPreviousData,
    refetchInterval: ({ state }) =>
      fixed !== undefined ? false : state.data?.complete === false ? slowRefreshMs : refreshMs,
  });
}
