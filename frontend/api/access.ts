import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import type { CreateUser, ProjectDocument, UpdateUser, UserDocument } from '../../shared/api/access.ts';
import type { AuditEntry } from '../../shared/api/system.ts';
import type { Api, Page } from './api.ts';
import { after, byCursor } from './paging.ts';

const root = '/api/v1';
const userPath = (name: string) => `${root}/users/${encodeURIComponent(name)}`;

/** People, projects and the audit trail: what the dashboard asks of them. Every call rejects with ApiError. */
export const accessApi = {
  signIn: async (api: Api, user: string, password: string): Promise<string> => {
    const body = { user, password };
    const { token } = await api.client.json<{ token: string }>('POST', `${root}/sessions`, { body });
    return token;
  },
  /** Ends the session at the platform; a token, which has none, stays good. */
  signOut: async (api: Api): Promise<void> => {
    await api.client.send('DELETE', `${root}/sessions/current`).catch(() => undefined);
  },
  createUser: (api: Api, body: CreateUser): Promise<UserDocument> => api.client.json('POST', `${root}/users`, { body }),
  updateUser: (api: Api, name: string, body: UpdateUser): Promise<UserDocument> =>
    api.client.json('PATCH', userPath(name), { body }),
  deleteUser: (api: Api, name: string): Promise<void> => api.client.json('DELETE', userPath(name)),
} as const;

export const accessQueries = {
  projects: (api: Api) =>
    queryOptions({
      queryKey: ['projects'],
      queryFn: ({ signal }) =>
        api.client.json<Page<ProjectDocument>>('GET', `${root}/projects`, { query: { limit: 200 }, signal }),
      staleTime: 60_000,
    }),
  users: (api: Api) =>
    infiniteQueryOptions({
      queryKey: ['users'],
      queryFn: ({ pageParam, signal }) => {
        const query = { limit: 50, ...after(pageParam) };
        return api.client.json<Page<UserDocument>>('GET', `${root}/users`, { query, signal });
      },
      ...byCursor,
    }),
  audit: (api: Api) =>
    infiniteQueryOptions({
      queryKey: ['audit'],
      queryFn: ({ pageParam, signal }) => {
        const query = { limit: 50, ...after(pageParam) };
        return api.client.json<Page<AuditEntry>>('GET', `${root}/audit`, { query, signal });
      },
      ...byCursor,
    }),
} as const;
