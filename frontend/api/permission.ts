import { queryOptions, useQuery } from '@tanstack/react-query';
import type { WhoamiDocument } from '../../shared/api/system.ts';
import { type Operation, operationAccess } from '../../shared/operation-access.ts';
import { refusalText } from '../../shared/permissions.ts';
import type { Api } from './api.ts';
import { useApi } from './context.tsx';

/** Who the platform takes this browser for, in a project; undefined: the one that is shown. */
export const whoamiQuery = (api: Api, project?: string) =>
  queryOptions({
    queryKey: ['whoami', project ?? ''],
    queryFn: ({ signal }) =>
      api.client.json<WhoamiDocument>('GET', '/api/v1/whoami', { ...inProject(project), signal }),
    staleTime: 60_000,
  });

/** A request about this project, whichever is shown. */
export const inProject = (project: string | undefined): { headers?: Record<string, string> } =>
  project === undefined ? {} : { headers: { 'hearth-project': project } };

/** Why `caller` may not do `operation`, by the table that the API itself is made of; undefined: may. Nobody is refused before it is known who asks: the platform decides anyway. */
export function refusalOf(caller: WhoamiDocument | undefined, operation: Operation): string | undefined {
  const access = operationAccess[operation];
  if (caller === undefined || caller.access.includes(access)) return undefined;
  const { kind, scope, project } = caller;
  return refusalText({ kind, role: scope, project }, access);
}

/** Why the person may not do `operation` in a project (undefined: the one that is shown), in words for a tooltip; undefined: may. */
export function usePermission(operation: Operation, project?: string): string | undefined {
  return refusalOf(useQuery(whoamiQuery(useApi(), project)).data, operation);
}
