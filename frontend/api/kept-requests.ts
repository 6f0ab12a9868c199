import { queryOptions } from '@tanstack/react-query';
import type { KeptRequestDocument } from '../../shared/api/kept-requests.ts';
import type { Api } from './api.ts';

/** The request of a call over HTTP that was kept; it never changes. */
export const keptRequestQuery = ({ client }: Api, id: string) =>
  queryOptions({
    // Not below the invocations: what changes these does not change it.
    queryKey: ['kept-requests', id],
    queryFn: ({ signal }) =>
      client.json<KeptRequestDocument>('GET', `/api/v1/invocations/${encodeURIComponent(id)}/request`, { signal }),
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  });
