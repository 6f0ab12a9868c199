import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import type {
  AuditVerdict,
  CreateProject,
  CreateUser,
  MemberDocument,
  ProjectDocument,
  UpdateUser,
  UserDocument,
} from '../../shared/api/access.ts';
import type { AuditEntry, AuditFilter } from '../../shared/api/system.ts';
import type { Role } from '../../shared/roles.ts';
import type { Api, Page } from './api.ts';
import { root } from './api-paths.ts';
import { after, byCursor } from './paging.ts';
import { inProject } from './permission.ts';

/** Of an address, whose words may be none that the platform knows: it says so. */
type AuditQuery = Partial<Readonly<Record<keyof AuditFilter, string>>>;

const projectPath = (name: string) => `${root}/projects/${encodeURIComponent(name)}`;
const memberPath = (name: string) => `${root}/members/${encodeURIComponent(name)}`;
const userPath = (name: string) => `${root}/users/${encodeURIComponent(name)}`;

/** People and projects: what pages beyond the frame ask of them. Every call rejects with ApiError. */
export const peopleApi = {
  createUser: (api: Api, body: CreateUser): Promise<UserDocument> => api.client.json('POST', `${root}/users`, { body }),
  updateUser: (api: Api, name: string, body: UpdateUser): Promise<UserDocument> =>
    api.client.json('PATCH', userPath(name), { body }),
  deleteUser: (api: Api, name: string): Promise<void> => api.client.json('DELETE', userPath(name)),
  createProject: (api: Api, body: CreateProject): Promise<ProjectDocument> =>
    api.client.json('POST', `${root}/projects`, { body }),
  describeProject: (api: Api, name: string, description: string): Promise<ProjectDocument> =>
    api.client.json('PATCH', projectPath(name), { body: { description } }),
  deleteProject: (api: Api, name: string): Promise<void> => api.client.json('DELETE', projectPath(name)),
  putMember: (api: Api, project: string, name: string, role: Role): Promise<MemberDocument> =>
    api.client.json('PUT', memberPath(name), { ...inProject(project), body: { role } }),
  removeMember: (api: Api, project: string, name: string): Promise<void> =>
    api.client.json('DELETE', memberPath(name), inProject(project)),
  /** What matches of the trail that the person may see, oldest first, one JSON object a line. */
  auditLines: async (api: Api, filter: AuditQuery): Promise<string> =>
    (await api.client.send('GET', `${root}/audit/export`, { query: filter })).text(),
  verifyAudit: (api: Api): Promise<AuditVerdict> => api.client.json('GET', `${root}/audit/verify`),
} as const;

export const peopleQueries = {
  project: (api: Api, name: string) =>
    queryOptions({
      queryKey: ['projects', name],
      queryFn: ({ signal }) => api.client.json<ProjectDocument>('GET', projectPath(name), { signal }),
    }),
  members: (api: Api, project: string) =>
    infiniteQueryOptions({
      queryKey: ['members', project],
      queryFn: ({ pageParam, signal }) => {
        const query = { limit: 50, ...after(pageParam) };
        return api.client.json<Page<MemberDocument>>('GET', `${root}/members`, {
          ...inProject(project),
          query,
          signal,
        });
      },
      ...byCursor,
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
  /** `filterAt` says what to ask for at a time, for `key`. */
  audit: (api: Api, key: Readonly<Record<string, string>>, filterAt: (now: number) => AuditQuery) =>
    infiniteQueryOptions({
      queryKey: ['audit', key],
      queryFn: ({ pageParam, signal }) => {
        const query = { ...filterAt(Date.now()), limit: 50, ...after(pageParam) };
        return api.client.json<Page<AuditEntry>>('GET', `${root}/audit`, { query, signal });
      },
      ...byCursor,
    }),
} as const;
