import { z } from 'zod';
import {
  type ListedRoute,
  routePageSchema,
  schedulePageSchema,
  scheduleRunsQuerySchema,
  scheduleRunsSchema,
  scheduleSchema,
  updateScheduleSchema,
} from '../../../shared/api/functions.ts';
import { acceptedSchema } from '../../../shared/api/invocations.ts';
import { nameSchema, pageQuerySchema } from '../../../shared/api/paging.ts';
import { defaultPathOf, shortNameOf } from '../../../shared/names.ts';
import type { FunctionEntry } from '../../control-plane/function-directory.ts';
import { actorOf, functionNameIn, projectOfRequest } from '../caller.ts';
import type { ApiContext } from '../context.ts';
import { sendAccepted } from '../controllers/accepted.ts';
import { routeDocument, scheduleDocument, scheduleRunDocument } from '../documents.ts';
import { pageInMemory } from '../memory-page.ts';
import { type Api, bearerOnly, idParams, problems } from '../route-docs.ts';

const docs = { tags: ['triggers'], security: bearerOnly };
const ofFunction = pageQuerySchema.extend({ function: nameSchema.optional() });

/** Who may call an alias. */
function accessOf({ aliases, versions }: FunctionEntry, alias: string): ListedRoute['access'] {
  const targets = aliases.get(alias)?.versions ?? [];
  const kinds = new Set(targets.map(({ version }) => versions.get(version)?.config.auth?.type ?? 'public'));
  const [only = null] = kinds;
  return kinds.size > 1 ? 'mixed' : only;
}

/** The routes of a function; one without any answers at `/{name}` and below, and says so. */
function routesOf(entry: FunctionEntry): readonly ListedRoute[] {
  const { record, routes } = entry;
  if (routes.length > 0) {
    return routes.map((route) => ({
      ...routeDocument(route, record.name),
      access: accessOf(entry, route.alias),
      isDefault: false,
    }));
  }
  const functionName = shortNameOf(record.name);
  const standard = { id: `default:${functionName}`, functionName, path: `${defaultPathOf(record.name)}/*` };
  return [{ ...standard, methods: [], alias: 'live', access: accessOf(entry, 'live'), isDefault: true }];
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
    method: 'PATCH',
    url: '/schedules/:id',
    config: { access: 'deploy' },
    schema: {
      ...docs,
      operationId: 'updateSchedule',
      summary: 'Pause or resume a schedule',
      params: idParams,
      body: updateScheduleSchema,
      response: { 200: scheduleSchema, ...problems(404, 413, 415) },
    },
    handler: async (request) => {
      const { id } = request.params;
      const project = projectOfRequest(request);
      return scheduleDocument(await schedules.setEnabled(project, id, request.body.enabled, actorOf(request)));
    },
  });

  app.route({
    method: 'GET',
    url: '/schedules/:id/runs',
    config: { access: 'read' },
    schema: {
      ...docs,
      operationId: 'listScheduleRuns',
      summary: 'What a schedule did last, with the invocations and what became of them',
      params: idParams,
      querystring: scheduleRunsQuerySchema,
      response: { 200: scheduleRunsSchema, ...problems(404) },
    },
    handler: async (request) => {
      const runs = await schedules.runs(projectOfRequest(request), request.params.id, request.query.limit);
      return { items: runs.map(scheduleRunDocument) };
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
