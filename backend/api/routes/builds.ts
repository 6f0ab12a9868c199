import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import {
  type BuildLogDocument,
  buildLogQuerySchema,
  buildLogSchema,
  buildPageSchema,
  buildSchema,
  buildsQuerySchema,
} from '../../../shared/api/builds.ts';
import { type pageQuerySchema as pageQuery, pageQuerySchema } from '../../../shared/api/paging.ts';
import type { BuildListFilter } from '../../core/ports/build-store.ts';
import { buildDocument, buildLine } from '../build-documents.ts';
import { actorOf, functionNameIn, projectOfRequest } from '../caller.ts';
import type { ApiContext } from '../context.ts';
import { followBuild, linesKnown } from '../controllers/follow-build.ts';
import { type Api, bearerOnly, idParams, nameParams, noContent, problems } from '../route-docs.ts';

const docs = { tags: ['functions'], security: bearerOnly };

/** Builds: how versions came about, or did not. */
export function buildRoutes(app: Api, context: ApiContext): void {
  const { builds } = context.controlPlane;
  const list = async (
    request: FastifyRequest,
    filter: Omit<BuildListFilter, 'project'>,
    { limit, cursor }: z.infer<typeof pageQuery>,
  ) => {
    const page = await builds.list({ project: projectOfRequest(request), ...filter }, { limit, cursor });
    return { items: page.items.map(buildDocument), nextCursor: page.nextCursor };
  };

  app.route({
    method: 'GET',
    url: '/builds',
    config: { access: 'read' },
    schema: {
      ...docs,
      operationId: 'listBuilds',
      summary: 'List builds of a project, newest first',
      description:
        'What goes on, succeeded, failed or was cancelled; those of functions that were never created too. The newest 50 of a function are kept.',
      querystring: buildsQuerySchema,
      response: { 200: buildPageSchema, ...problems(404) },
    },
    handler: async (request) => {
      const { function: name, withoutFunction, ...page } = request.query;
      const functionName = name === undefined ? undefined : functionNameIn(request, name);
      return await list(request, { functionName, isWithoutFunction: withoutFunction === '1' }, page);
    },
  });

  app.route({
    method: 'GET',
    url: '/functions/:name/builds',
    config: { access: 'read' },
    schema: {
      ...docs,
      operationId: 'listFunctionBuilds',
      summary: 'List builds of a function, newest first',
      description: 'Also of a name whose first build failed, so that there is no such function.',
      params: nameParams,
      querystring: pageQuerySchema,
      response: { 200: buildPageSchema, ...problems(404) },
    },
    handler: (request) => list(request, { functionName: functionNameIn(request, request.params.name) }, request.query),
  });

  app.route({
    method: 'GET',
    url: '/builds/:id',
    config: { access: 'read' },
    schema: {
      ...docs,
      operationId: 'getBuild',
      summary: 'One build',
      params: idParams,
      response: { 200: buildSchema, ...problems(404) },
    },
    handler: async (request) => buildDocument(await builds.get(projectOfRequest(request), request.params.id)),
  });

  app.route({
    method: 'DELETE',
    url: '/builds/:id',
    config: { access: 'deploy' },
    schema: {
      ...docs,
      operationId: 'cancelBuild',
      summary: 'Cancel a build that waits or runs',
      description: 'Ends its processes and deletes its files; answers when nothing of it is left. 409 when it is over.',
      params: idParams,
      response: { 204: noContent, ...problems(404, 409) },
    },
    handler: async (request, reply) => {
      await builds.cancel(projectOfRequest(request), request.params.id, actorOf(request));
      return reply.code(204).send();
    },
  });

  logRoute(app, context);
}

function logRoute(app: Api, context: ApiContext): void {
  const { builds } = context.controlPlane;

  app.route({
    method: 'GET',
    url: '/builds/:id/log',
    config: { access: 'read' },
    schema: {
      ...docs,
      operationId: 'getBuildLog',
      summary: 'The log of a build',
      description:
        'The lines so far. `?follow=1` answers with server-sent events: `build` when it changes, `line` for each line, resumed after `Last-Event-ID`, and `end` with the build when it is over, after which the stream ends.',
      params: idParams,
      querystring: buildLogQuerySchema,
      response: {
        200: {
          description: 'The build with its lines; with `?follow=1` a stream of them.',
          content: { 'application/json': { schema: buildLogSchema } },
        },
        ...problems(404),
      },
    },
    handler: async (request, reply) => {
      const of = { project: projectOfRequest(request), id: request.params.id };
      if (request.query.follow === '1' && request.method !== 'HEAD') return await follow(request, reply, of);
      const { build, lines } = await builds.log(of.project, of.id);
      const document: BuildLogDocument = { build: buildDocument(build), lines: lines.map(buildLine) };
      return reply.send(document);
    },
  });

  const follow = async (request: FastifyRequest, reply: FastifyReply, of: { project: string; id: string }) => {
    // Before the stream is opened: what is not there is a 404.
    await builds.get(of.project, of.id);
    const stream = context.streams.open(request, reply);
    followBuild(builds, stream, of, linesKnown(request.headers['last-event-id'])).catch((error: unknown) => {
      context.logger.error({ err: error, requestId: request.id }, 'the stream of a build broke off');
      stream.end();
    });
    return reply.send(stream.body);
  };
}
