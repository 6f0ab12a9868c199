import { infiniteQueryOptions, keepPreviousData, queryOptions } from '@tanstack/react-query';
import type { Metrics } from '../../shared/api/metrics.ts';
import { extendSeries } from '../util/series.ts';
import { type TimeRange, windowBefore, windowOf } from '../util/time-range.ts';
import type { Api } from './api.ts';
import type { QueryValues } from './client.ts';
import { after, byCursor } from './paging.ts';

const fineSpanMs = 900_000;
const gaugeRefreshMs = 120_000;

/**
 * Query options, one per document. Keys begin with the noun, so that `invalidateQueries({queryKey: ['functions']})` reaches
 * everything that a deployment may have changed.
 */
const isSearched = ({ version, minDurationMs, search }: QueryValues): boolean =>
  [version, minDurationMs, search].some((value) => value !== undefined && value !== '');

export const queries = {
  functions: (api: Api, search = '') =>
    infiniteQueryOptions({
      queryKey: ['functions', 'list', search],
      queryFn: ({ pageParam, signal }) => api.functions({ search, limit: 200, ...after(pageParam) }, signal),
      ...byCursor,
      placeholderData: keepPreviousData,
      // A thousand functions are five requests: those are renewed less often.
      refetchInterval: (query) => 10_000 * Math.max(1, query.state.data?.pages.length ?? 1),
    }),
  function: (api: Api, name: string) =>
    queryOptions({
      queryKey: ['functions', 'one', name],
      queryFn: ({ signal }) => api.function(name, signal),
      refetchInterval: 15_000,
    }),
  versions: (api: Api, name: string) =>
    infiniteQueryOptions({
      queryKey: ['functions', 'one', name, 'versions'],
      queryFn: ({ pageParam, signal }) => api.versions(name, pageParam === '' ? undefined : pageParam, signal),
      ...byCursor,
    }),
  version: (api: Api, name: string, version: number) =>
    queryOptions({
      queryKey: ['versions', name, version],
      queryFn: ({ signal }) => api.version(name, version, signal),
    }),
  versionFiles: (api: Api, name: string, version: number) =>
    queryOptions({
      // A version never changes: neither do its files.
      queryKey: ['version-files', name, version],
      queryFn: ({ signal }) => api.versionFiles(name, version, signal),
      staleTime: Number.POSITIVE_INFINITY,
    }),
  aliases: (api: Api, name: string) =>
    queryOptions({
      queryKey: ['functions', 'one', name, 'aliases'],
      queryFn: ({ signal }) => api.aliases(name, signal),
      // The platform itself moves one when a canary fails.
      refetchInterval: 10_000,
    }),
  schedules: (api: Api, name: string | undefined) =>
    queryOptions({
      queryKey: ['functions', 'one', name ?? '', 'schedules'],
      queryFn: ({ signal }) => api.schedules(name, signal),
      refetchInterval: 30_000,
    }),
  allSchedules: (api: Api) =>
    infiniteQueryOptions({
      queryKey: ['functions', 'schedules'],
      queryFn: ({ pageParam, signal }) => api.schedules(undefined, signal, pageParam === '' ? undefined : pageParam),
      ...byCursor,
      refetchInterval: 30_000,
    }),
  /** Of all of the time without a range. */
  invocations: (api: Api, filter: QueryValues, range?: TimeRange) =>
    infiniteQueryOptions({
      queryKey: ['invocations', 'list', filter, range?.id ?? ''],
      queryFn: ({ pageParam, signal }) => {
        const window = range === undefined ? {} : windowOf(range, Date.now());
        return api.invocations({ ...filter, ...window, limit: 50, ...after(pageParam) }, signal);
      },
      ...byCursor,
      placeholderData: keepPreviousData,
      // What has to be looked for takes the platform longer, and is old mostly.
      refetchInterval: isSearched(filter) ? false : 5000,
    }),
  invocation: (api: Api, id: string) =>
    queryOptions({
      queryKey: ['invocations', 'one', id],
      queryFn: ({ signal }) => api.invocation(id, signal),
    }),
  storedLogs: (api: Api, functionName: string | undefined, filter: QueryValues) =>
    infiniteQueryOptions({
      queryKey: ['logs', functionName ?? '', filter],
      queryFn: ({ pageParam, signal }) =>
        api.logs(functionName, { ...filter, limit: 200, ...after(pageParam) }, signal),
      ...byCursor,
    }),
  egressRefusals: (api: Api, name: string) =>
    queryOptions({
      queryKey: ['functions', 'one', name, 'egress-refusals'],
      queryFn: ({ signal }) => api.egressRefusals(name, signal),
      refetchInterval: 10_000,
    }),
  errorGroups: (api: Api, filter: QueryValues) =>
    infiniteQueryOptions({
      queryKey: ['errors', 'list', filter],
      queryFn: ({ pageParam, signal }) => api.errorGroups({ ...filter, limit: 50, ...after(pageParam) }, signal),
      ...byCursor,
      placeholderData: keepPreviousData,
      refetchInterval: 5000,
    }),
  errorGroup: (api: Api, id: string) =>
    queryOptions({
      queryKey: ['errors', 'one', id],
      queryFn: ({ signal }) => api.errorGroup(id, signal),
      refetchInterval: 5000,
    }),
  /** An empty name: those of all functions. */
  deadLetters: (api: Api, functionName: string) =>
    infiniteQueryOptions({
      queryKey: ['dead-letters', functionName],
      queryFn: ({ pageParam, signal }) =>
        api.deadLetters(
          { limit: 50, function: functionName === '' ? undefined : functionName, ...after(pageParam) },
          signal,
        ),
      ...byCursor,
      refetchInterval: 15_000,
    }),
  /** The range as a series. `isLive` moves the window with the clock; otherwise it stays where it was first asked. */
  metrics: (api: Api, range: TimeRange, functionName: string | undefined, isLive: boolean) =>
    queryOptions({
      queryKey: ['metrics', 'series', range.id, functionName ?? ''],
      queryFn: ({ signal }) => {
        const window = windowOf(range, Date.now());
        return api.metrics({ ...window, function: functionName, stepMs: range.stepMs }, signal);
      },
      placeholderData: keepPreviousData,
      staleTime: isLive ? range.refreshMs / 2 : Number.POSITIVE_INFINITY,
      refetchInterval: isLive ? range.refreshMs : false,
    }),
  /** How long the calls of a function took, in the steps of `metrics`. */
  histogram: (api: Api, range: TimeRange, functionName: string, isLive: boolean) =>
    queryOptions({
      queryKey: ['metrics', 'histogram', range.id, functionName],
      queryFn: ({ signal }) => {
        const window = windowOf(range, Date.now());
        return api.histogram({ ...window, function: functionName, stepMs: range.stepMs }, signal);
      },
      placeholderData: keepPreviousData,
      staleTime: isLive ? range.refreshMs / 2 : Number.POSITIVE_INFINITY,
      refetchInterval: isLive ? Math.max(range.refreshMs, 10_000) : false,
    }),
  /** What host and pool did. The live numbers go on with it, so that it is renewed only now and then. */
  gauges: (api: Api, range: TimeRange, isLive: boolean) =>
    queryOptions({
      queryKey: ['gauges', range.id],
      queryFn: ({ signal }) => {
        const stepMs = range.id === '15m' ? 1000 : range.stepMs;
        return api.gauges({ ...windowOf({ ...range, stepMs }, Date.now()), stepMs }, signal);
      },
      placeholderData: keepPreviousData,
      staleTime: isLive ? gaugeRefreshMs / 2 : Number.POSITIVE_INFINITY,
      refetchInterval: isLive ? Math.max(gaugeRefreshMs, range.refreshMs) : false,
    }),
  /** The last quarter of an hour in seconds. Asked for in full once, then only what is new. */
  fineMetrics: (api: Api, functionName: string | undefined, isLive: boolean) =>
    queryOptions({
      queryKey: ['metrics', 'fine', functionName ?? ''],
      queryFn: async ({ client, queryKey, signal }) => {
        const to = Math.ceil(Date.now() / 1000) * 1000;
        const from = to - fineSpanMs;
        const ask = (fromMs: number) => {
          const window = { from: new Date(fromMs).toISOString(), to: new Date(to).toISOString() };
          return api.metrics({ ...window, function: functionName, stepMs: 1000 }, signal);
        };
        const before = client.getQueryData<Metrics>(queryKey);
        // Seconds that ended lately may still have changed since.
        const known = before === undefined ? 0 : Date.parse(before.to) - 3000;
        if (before === undefined || before.stepMs !== 1000 || known < from) return ask(from);
        const fresh = await ask(known);
        return fresh.stepMs === 1000 ? extendSeries(before, fresh, from) : ask(from);
      },
      staleTime: isLive ? 1000 : Number.POSITIVE_INFINITY,
      refetchInterval: isLive ? 2000 : false,
    }),
  deployments: (api: Api, range: TimeRange, functionName: string | undefined) =>
    queryOptions({
      // Below `functions`: a deployment made here is seen at once.
      queryKey: ['functions', 'deployments', range.id, functionName ?? ''],
      queryFn: ({ signal }) =>
        api.deployments({ ...windowOf(range, Date.now()), function: functionName, limit: 100 }, signal),
      placeholderData: keepPreviousData,
      refetchInterval: range.fixed === undefined ? 10_000 : false,
    }),
  /** Canaries that the platform took back, in the window that the range is now. */
  canaryAborts: (api: Api, range: TimeRange, functionName: string | undefined) =>
    queryOptions({
      queryKey: ['functions', 'canary-aborts', range.id, functionName ?? ''],
      queryFn: ({ signal }) =>
        api.canaryAborts({ ...windowOf(range, Date.now()), function: functionName, limit: 100 }, signal),
      placeholderData: keepPreviousData,
      refetchInterval: range.fixed === undefined ? 10_000 : false,
    }),
  /** The total of the period before the range, for the change that the tiles show. */
  previousTotal: (api: Api, range: TimeRange, functionName: string | undefined, isLive: boolean) =>
    queryOptions({
      queryKey: ['metrics', 'previous', range.id, functionName ?? ''],
      queryFn: async ({ signal }) => {
        const window = windowBefore(range, Date.now());
        const answer = await api.metrics({ ...window, function: functionName, stepMs: range.stepMs }, signal);
        return answer.total;
      },
      refetchInterval: isLive ? 60_000 : false,
      staleTime: 30_000,
    }),
  system: (api: Api) =>
    queryOptions({ queryKey: ['system'], queryFn: ({ signal }) => api.system(signal), staleTime: 30_000 }),
  pools: (api: Api) =>
    queryOptions({ queryKey: ['pools'], queryFn: ({ signal }) => api.pools(signal), refetchInterval: 3000 }),
  pulls: (api: Api) =>
    queryOptions({ queryKey: ['pulls'], queryFn: ({ signal }) => api.pulls(signal), refetchInterval: 1000, gcTime: 0 }),
  tokens: (api: Api) =>
    infiniteQueryOptions({
      queryKey: ['tokens'],
      queryFn: ({ pageParam, signal }) => api.tokens(after(pageParam), signal),
      ...byCursor,
    }),
} as const;
