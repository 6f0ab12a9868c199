import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import type { AlertDeliveryDocument, AlertRuleDocument } from '../../shared/api/alerts.ts';
import type { Cost, PriceTable } from '../../shared/api/cost.ts';
import type { Api, Page } from './api.ts';
import { after, byCursor } from './paging.ts';

const root = '/api/v1/alerts';
const ruleOf = (id: string) => `${root}/${encodeURIComponent(id)}`;

/** What the form of a rule sends; the rest of a rule has defaults. */
export type AlertRuleInput = Pick<
  AlertRuleDocument,
  'name' | 'metric' | 'functionName' | 'comparison' | 'threshold' | 'windowMs' | 'forMs' | 'channels' | 'isEnabled'
>;
type Deliveries = { readonly items: readonly AlertDeliveryDocument[] };

export const alertApi = {
  create: ({ client }: Api, body: AlertRuleInput) => client.json<AlertRuleDocument>('POST', root, { body }),
  replace: ({ client }: Api, id: string, body: AlertRuleInput) =>
    client.json<AlertRuleDocument>('PUT', ruleOf(id), { body }),
  remove: ({ client }: Api, id: string) => client.json<void>('DELETE', ruleOf(id)),
  silence: ({ client }: Api, id: string, durationMs: number) =>
    client.json<AlertRuleDocument>('POST', `${ruleOf(id)}/silence`, { body: { durationMs } }),
  test: ({ client }: Api, id: string) => client.json<Deliveries>('POST', `${ruleOf(id)}/test`, { body: {} }),
  signingSecret: ({ client }: Api, id: string) =>
    client.json<{ readonly secret: string }>('GET', `${ruleOf(id)}/signing-secret`),
} as const;

export const alertQueries = {
  rules: ({ client }: Api) =>
    infiniteQueryOptions({
      queryKey: ['alerts', 'rules'],
      queryFn: ({ pageParam, signal }) =>
        client.json<Page<AlertRuleDocument>>('GET', root, { query: { limit: 50, ...after(pageParam) }, signal }),
      ...byCursor,
      // All pages are renewed one after the other: many of them less often.
      refetchInterval: (query) => 5000 * Math.max(1, query.state.data?.pages.length ?? 1),
    }),
  deliveries: ({ client }: Api, id: string) =>
    queryOptions({
      queryKey: ['alerts', 'deliveries', id],
      queryFn: ({ signal }) => client.json<Deliveries>('GET', `${ruleOf(id)}/deliveries`, { signal }),
      refetchInterval: 3000,
    }),
} as const;

export const costQueries = {
  costs: ({ client }: Api, days: number) =>
    queryOptions({
      queryKey: ['costs', days],
      queryFn: ({ signal }) =>
        client.json<Cost>('GET', '/api/v1/metrics/costs', {
          query: { from: new Date(Date.now() - days * 86_400_000).toISOString() },
          signal,
        }),
      refetchInterval: 60_000,
    }),
} as const;

export const putPrices = ({ client }: Api, body: PriceTable) =>
  client.json<PriceTable>('PUT', '/api/v1/metrics/prices', { body });
