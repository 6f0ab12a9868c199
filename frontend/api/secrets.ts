import { infiniteQueryOptions } from '@tanstack/react-query';
import type { SecretDocument, SecretList } from '../../shared/api/secrets.ts';
import type { Api, Page } from './api.ts';
import { ApiError } from './server-error.ts';

const root = '/api/v1/secrets';
const secretPath = (name: string) => `${root}/${encodeURIComponent(name)}`;

/** Secrets by name. A value goes one way, to the platform. Every call rejects with ApiError. */
export const secretsApi = {
  exists: async (api: Api, name: string): Promise<boolean> => {
    try {
      await api.client.json<SecretDocument>('GET', secretPath(name));
      return true;
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return false;
      throw error;
    }
  },
  /** Makes the secret, or gives it another value. */
  put: (api: Api, name: string, value: string): Promise<SecretDocument> =>
    api.client.json('PUT', secretPath(name), { body: { value } }),
  /** Sets several by name, all of them or none. */
  putAll: (api: Api, values: Readonly<Record<string, string>>): Promise<SecretList> =>
    api.client.json('PATCH', root, { body: { values } }),
  remove: (api: Api, name: string): Promise<void> => api.client.json('DELETE', secretPath(name)),
} as const;

export const secretsQuery = (api: Api) =>
  infiniteQueryOptions({
    queryKey: ['secrets'],
    queryFn: ({ pageParam, signal }) => {
      const query = { limit: 100, ...(pageParam === '' ? {} : { cursor: pageParam }) };
      return api.client.json<Page<SecretDocument>>('GET', root, { query, signal });
    },
    initialPageParam: '',
    getNextPageParam: (page) => page.nextCursor ?? undefined,
  });
