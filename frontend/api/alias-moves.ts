import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import type { AliasMove } from '../../shared/api/alias-moves.ts';
import type { Metrics } from '../../shared/api/metrics.ts';
import type { Api, Page } from './api.ts';
import { functionPath } from './api-paths.ts';
import { after, byCursor } from './paging.ts';

/** What a move is compared over, on each side of it. */
const aroundMs = 900_000;
/** Numbers are kept in slots of this length: the one that the move was in counts as after it, so that no call counts twice. */
const slotMs = 10_000;
/** Sums of coarser steps would reach far beyond the quarter of an hour. */
const coarsestMs = 60_000;

export const aliasMoveQueries = {
  moves: ({ client }: Api, name: string) =>
    infiniteQueryOptions({
      // Below the function: a move that is made here is seen at once.
      queryKey: ['functions', 'one', name, 'alias-moves'],
      queryFn: ({ pageParam, signal }) => {
        const query = { limit: 20, ...after(pageParam) };
        const path = `${functionPath(name)}/alias-moves`;
        return client.json<Page<AliasMove>>('GET', path, { query, signal });
      },
      ...byCursor,
      // The platform itself moves an alias when a canary fails.
      refetchInterval: (query) => 10_000 * Math.max(1, query.state.data?.pages.length ?? 1),
    }),
  /** The sums of a function in the quarters of an hour before and after `at`; null where nothing was called, and `isKept` false when it is too long ago to tell them apart. */
  around: (api: Api, name: string, at: string) =>
    queryOptions({
      queryKey: ['metrics', 'around', name, at],
      queryFn: async ({ signal }) => {
        const ms = Math.floor(Date.parse(at) / slotMs) * slotMs;
        const sum = (fromMs: number, toMs: number): Promise<Metrics> => {
          const window = { from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString() };
          return api.metrics({ ...window, function: name }, signal);
        };
        const [before, since] = await Promise.all([sum(ms - aroundMs, ms), sum(ms, ms + aroundMs)]);
        return { before: before.total, after: since.total, isKept: before.stepMs <= coarsestMs };
      },
      refetchInterval: Date.now() - Date.parse(at) < aroundMs ? 10_000 : false,
    }),
} as const;
