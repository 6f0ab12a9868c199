import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { buildSchema, deployQuerySchema } from '../../../shared/api/builds.ts';
import {
  createFunctionSchema,
  deployedSchema,
  functionPageSchema,
  functionSchema,
  updateFunctionSchema,
} from '../../../shared/api/functions.ts';
import { pageQuerySchema } from '../../../shared/api/paging.ts';
import { actorOf, functionNameIn, projectOfRequest } from '../caller.ts';
import type { ApiContext } from '../context.ts';
import { answerDeploy, deploySource, noWaitDescription, receiveDeploy } from '../controllers/deploy.ts';
import { functionDocument } from '../documents.ts';
import { etagOf, expectedRevision } from '../etag.ts';
import { type Api, bearerOnly, ifMatchHeaders, nameParams, noContent, problems } from '../route-docs.ts';

const statsQuery = z.object({
  stats: z.enum(['0', '1']).optional().describe('1: with the numbers of the last hour.'),
});
const listQuery = pageQuerySchema.extend({
  search: z.string().max(100).optional().describe('Plain substring of name, description or tag.'),
  ...statsQuery.shape,
});
const statsWindowMs = 3_600_000;

export function functionRoutes(app: Api, context: ApiContext): void {
  const { functions, deployments } = context.controlPlane;
  const docs = { tags: ['functions'], security: bearerOnly };
  const gatewayUrl = () => context.facts.gatewayUrl();

  app.route({
    method: 'POST',
    url: '/functions',
    config: { access: 'deploy' },
    preValidation: (request) => receiveDeploy(request, context.uploads),
    schema: {
      ...docs,
      operationId: 'createFunction',
      summary: 'Create a function with its first version',
      description: `Everything but \`name\` and the code has a default. ${noWaitDescription}`,
      consumes: ['application/json'],
      querystring: deployQuerySchema,
      body: createFunctionSchema,
      response: { 201: deployedSchema, 202: buildSchema, ...problems(409, 413, 415, 422) },
    },
    handler: async (request, reply) => {
      const source = deploySource(request, request.body.files);
      const name = functionNameIn(request, request.body.name);
      return await answerDeploy(context, request, reply, (how) =>
        deployments.createFunction({ ...request.body, name }, source, how),
      );
    },
  });

  app.route({
    method: 'GET',
    url: '/functions',
    config: { access: 'read' },
    schema: {
      ...docs,
      operationId: 'listFunctions',
      summary: 'List functions by name',
      querystring: listQuery,
      response: { 200: functionPageSchema, ...problems() },
    },
    handler: async (request) => {
      const { limit, cursor, search, stats } = request.query;
      const page = await functions.list(projectOfRequest(request), { limit, cursor }, search);
      const ids = page.items.map((entry) => entry.record.id);
      const numbers = stats === '1' ? await context.metrics.functionStats(ids, statsWindowMs) : new Map();
      const items = page.items.map((entry) => functionDocument(entry, gatewayUrl(), numbers.get(entry.record.id)));
      return { items, nextCursor: page.nextCursor };
    },
  });

  app.route({
    method: 'GET',
    url: '/functions/:name',
    config: { access: 'read' },
    schema: {
      ...docs,
      operationId: 'getFunction',
      summary: 'One function',
      params: nameParams,
      querystring: statsQuery,
      response: { 200: functionSchema, ...problems(404) },
    },
    handler: async (request, reply) => {
      const entry = functions.get(functionNameIn(request, request.params.name));
      const { id, revision } = entry.record;
      const numbers =
        request.query.stats === '1' ? await context.metrics.functionStats([id], statsWindowMs) : new Map();
      reply.header('etag', etagOf(revision));
      return functionDocument(entry, gatewayUrl(), numbers.get(id));
    },
  });

  updateAndDelete(app, context);
}

function updateAndDelete(app: Api, context: ApiContext): void {
  const { functions } = context.controlPlane;
  const docs = { tags: ['functions'], security: bearerOnly };

  app.route({
    method: 'PATCH',
    url: '/functions/:name',
    config: { access: 'deploy' },
    schema: {
      ...docs,
      operationId: 'updateFunction',
      summary: 'Change description, tags, routes, schedules, or whether it is enabled',
      description:
        'Routes and schedules that are given replace those that are there; [] routes means the default route.',
      params: nameParams,
      headers: ifMatchHeaders,
      body: updateFunctionSchema,
      response: { 200: functionSchema, ...problems(404, 409, 412, 413, 415, 422) },
    },
    handler: async (request, reply) => {
      const expected = expectedRevision(request.headers['if-match']);
      const name = functionNameIn(request, request.params.name);
      const entry = await functions.update(name, request.body, expected, actorOf(request));
      reply.header('etag', etagOf(entry.record.revision));
      return functionDocument(entry, context.facts.gatewayUrl(), undefined);
    },
  });

  app.route({
    method: 'DELETE',
    url: '/functions/:name',
    config: { access: 'deploy' },
    schema: {
      ...docs,
      operationId: 'deleteFunction',
      summary: 'Delete a function with its versions, aliases, routes and schedules',
      description: 'Its invocations, logs and metrics stay until their retention ends.',
      params: nameParams,
      headers: ifMatchHeaders,
      response: { 204: noContent, ...problems(404, 412) },
    },
    handler: async (request: FastifyRequest<{ Params: { name: string } }>, reply: FastifyReply) => {
      const expected = expectedRevision(request.headers['if-match']);
      await functions.remove(functionNameIn(request, request.params.name), expected, actorOf(request));
      return reply.code(204).send();
    },
  });
}
