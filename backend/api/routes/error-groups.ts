import { z } from 'zod';
import {
  type ErrorGroup,
  errorGroupListQuerySchema,
  errorGroupPageSchema,
  errorGroupSchema,
  updateErrorGroupSchema,
} from '../../../shared/api/error-groups.ts';
import { hourMs } from '../../../shared/durations.ts';
import { shortNameOf } from '../../../shared/names.ts';
import type { TalliedErrorGroup } from '../../control-plane/error-groups.ts';
import { actorOf, functionNameIn, projectOfRequest } from '../caller.ts';
import type { ApiContext } from '../context.ts';
import { timeText } from '../documents.ts';
import { type Api, bearerOnly, problems } from '../route-docs.ts';

const docs = { tags: ['errors'], security: bearerOnly };
const idParams = z.object({ id: z.string().max(64) });

function document(group: TalliedErrorGroup, talliedFrom: number): ErrorGroup {
  const sparkline = new Array<number>(24).fill(0);
  for (const { hourAt, count } of group.tallies) {
    const index = Math.round((hourAt - talliedFrom) / hourMs);
    if (index >= 0 && index < sparkline.length) sparkline[index] = (sparkline[index] ?? 0) + count;
  }
  return {
    id: group.id,
    functionName: shortNameOf(group.functionName),
    type: group.type,
    message: group.message,
    frame: group.frame,
    stack: group.stack,
    count: group.count,
    firstSeenAt: timeText(group.firstSeenAt),
    lastSeenAt: timeText(group.lastSeenAt),
    firstVersion: group.firstVersion || null,
    lastVersion: group.lastVersion || null,
    liveVersion: group.liveVersion ?? null,
    lastInvocationId: group.lastInvocationId,
    state: group.state,
    stateAt: timeText(group.stateAt),
    versions: [...new Set(group.tallies.map((tally) => tally.version))].sort((a, b) => a - b),
    sparkline,
  };
}

export function errorGroupRoutes(app: Api, context: ApiContext): void {
  const { errorGroups } = context.controlPlane;

  app.route({
    method: 'GET',
    url: '/errors',
    config: { access: 'read' },
    schema: {
      ...docs,
      operationId: 'listErrorGroups',
      summary: 'Failures that look the same, the ones seen last first',
      querystring: errorGroupListQuerySchema,
      response: { 200: errorGroupPageSchema, ...problems(404) },
    },
    handler: async (request) => {
      const { function: name, state, limit, cursor } = request.query;
      const functionName = name === undefined ? undefined : functionNameIn(request, name);
      const page = await errorGroups.list(projectOfRequest(request), functionName, state, { limit, cursor });
      const from = errorGroups.talliedFrom;
      return { items: page.items.map((group) => document(group, from)), nextCursor: page.nextCursor };
    },
  });

  app.route({
    method: 'GET',
    url: '/errors/:id',
    config: { access: 'read' },
    schema: {
      ...docs,
      operationId: 'getErrorGroup',
      summary: 'One group of errors',
      params: idParams,
      response: { 200: errorGroupSchema, ...problems(404) },
    },
    handler: async (request) =>
      document(await errorGroups.get(projectOfRequest(request), request.params.id), errorGroups.talliedFrom),
  });

  app.route({
    method: 'PATCH',
    url: '/errors/:id',
    config: { access: 'deploy' },
    schema: {
      ...docs,
      operationId: 'updateErrorGroup',
      summary: 'Resolve, ignore or reopen a group of errors',
      params: idParams,
      body: updateErrorGroupSchema,
      response: { 200: errorGroupSchema, ...problems(404, 413, 415) },
    },
    handler: async (request) => {
      const { id } = request.params;
      const group = await errorGroups.setState(projectOfRequest(request), id, request.body.state, actorOf(request));
      return document(group, errorGroups.talliedFrom);
    },
  });
}
