import { z } from 'zod';
import { routePageSchema, schedulePageSchema } from '../../../shared/api/functions.ts';
import { acceptedSchema } from '../../../shared/api/invocations.ts';
import { nameSchema, pageQuerySchema } from '../../../shared/api/paging.ts';
import { defaultPathOf, shortNameOf } from '../../../shared/names.ts';
import type { FunctionEntry } from '../../control-plane/function-directory.ts';
import { actorOf, functionNameIn, projectOfRequest } from '../caller.ts';
import type { ApiContext } from '../context.ts';
import { sendAccepted } from '../controllers/accepted.ts';
import { routeDocument, scheduleDocument } from '../documents.ts';
import { pageInMemory } from '../memory-page.ts';
import { type Api, bearerOnly, idParams, problems } from '../route-docs.ts';

const docs = { tags: ['triggers'], security: bearerOnly };
const ofFunction = pageQuerySchema.extend({ function: nameSchema.optional() });

/** The routes of a function; one without any answers at `/{name}` and below, and says so. */
function routesOf({ record, routes }: FunctionEntry) {
  if (routes.length > 0) return routes.map((route) => routeDocument(route, record.name));
  const functionName = shortNameOf(record.name);
  const path = `${defaultPathOf(record.name)}/*`;
  return [{ id: `default:${functionName}`, functionName, path, methods: [], alias: 'live' }];
}

export function triggerRoutes(app: Api, context: ApiContext): void {
  const { directory, schedules } = context.controlPlane;

  app.route({
    method: 'GET',
    url: '/routes',
    config: { access: 'read' },
    schema: {
      ...docs,
      operationId: 'listRoutes',
      summary: 'List the routes of all functions by path, default routes included',
      description: 'Routes are changed through their function. No methods means all methods.',
      querystring: ofFunction,
      response: { 200: routePageSchema, ...problems(404) },
    },
    handler: async (request) => {
      const { function: name, limit, cursor } = request.query;
      const entries =
        name === undefined
          ? directory.entriesOf(projectOfRequest(request))
          : [directory.get(functionNameIn(request, name))];
      const key = (route: { path: string; id: string }) => `${route.path} ${route.id}`;
      const page = pageInMemory(entries.flatMap(routesOf), key, { limit, cursor });
      return { items: [...page.items], nextCursor: page.nextCursor };
    },
  });

  app.route({
    method: 'GET',
    url: '/schedules',
    config: { access: 'read' },
    schema: {
      ...docs,
      operationId: 'listSchedules',
      summary: 'List the schedules of all functions, with their next ticks',
      description: 'Schedules are changed through their function.',
      querystring: ofFunction,
      response: { 200: schedulePageSchema, ...problems(404) },
    },
    handler: async (request) => {
      const { function: name, limit, cursor } = request.query;
      const fullName = name === undefined ? undefined : functionNameIn(request, name);
      const views = await schedules.list(projectOfRequest(request), fullName);
      const page = pageInMemory(views, (view) => `${view.functionName} ${view.record.name}`, { limit, cursor });
      return { items: page.items.map(scheduleDocument), nextCursor: page.nextCursor };
    },
  });

  app.route({
    method: 'POST',
    url: '/schedules/:id/run',
    config: { access: 'invoke' },
    schema: {
      ...docs,
      operationId: 'runSchedule',
      summary: 'Run a schedule once, now',
      params: idParams,
      body: z.strictObject({}).nullish(),
      response: { 202: acceptedSchema, ...problems(404, 413, 415) },
    },
    handler: async (request, reply) =>
      sendAccepted(reply, await schedules.run(projectOfRequest(request), request.params.id, actorOf(request))),
  });
}
