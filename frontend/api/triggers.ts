import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import type { ListedRoute, Schedule, ScheduleRun } from '../../shared/api/functions.ts';
import type { Api, Page } from './api.ts';
import { after, byCursor } from './paging.ts';

const schedulePath = (id: string) => `/api/v1/schedules/${encodeURIComponent(id)}`;

/** Pauses or resumes a schedule; rejects with ApiError. Beside the class, as only pages of triggers need it. */
export const setScheduleEnabled = (api: Api, id: string, enabled: boolean): Promise<Schedule> =>
  api.client.json('PATCH', schedulePath(id), { body: { enabled } });

/** What a schedule did last, the newest first. */
export const scheduleRunsQuery = (api: Api, id: string) =>
  queryOptions({
    queryKey: ['invocations', 'of-schedule', id],
    queryFn: ({ signal }) =>
      api.client.json<{ readonly items: readonly ScheduleRun[] }>('GET', `${schedulePath(id)}/runs`, {
        query: { limit: 5 },
        signal,
      }),
    refetchInterval: 5000,
  });

/** Routes of all functions by path, those that functions have by themselves included. */
export const routesQuery = (api: Api) =>
  infiniteQueryOptions({
    queryKey: ['functions', 'routes'],
    queryFn: ({ pageParam, signal }) =>
      api.client.json<Page<ListedRoute>>('GET', '/api/v1/routes', {
        query: { limit: 200, ...after(pageParam) },
        signal,
      }),
    ...byCursor,
    refetchInterval: 30_000,
  });
