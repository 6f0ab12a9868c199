import { queryOptions } from '@tanstack/react-query';
import type { ProjectDocument } from '../../shared/api/access.ts';
import type { Api, Page } from './api.ts';
import { root } from './api-paths.ts';

/** Who comes in, and out. Every call rejects with ApiError. */
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
  /** Of whoever is signed in; all other sessions end. */
  changePassword: (api: Api, currentPassword: string, newPassword: string): Promise<void> =>
    api.client.json('PUT', `${root}/password`, { body: { currentPassword, newPassword } }),
} as const;

export const accessQueries = {
  projects: (api: Api) =>
    queryOptions({
      queryKey: ['projects'],
      queryFn: ({ signal }) =>
        api.client.json<Page<ProjectDocument>>('GET', `${root}/projects`, { query: { limit: 200 }, signal }),
      staleTime: 60_000,
    }),
} as const;
