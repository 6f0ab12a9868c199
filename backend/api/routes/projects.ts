import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import {
  createProjectSchema,
  projectPageSchema,
  projectSchema,
  updateProjectSchema,
} from '../../../shared/api/access.ts';
import { nameSchema, pageQuerySchema } from '../../../shared/api/paging.ts';
import { projectNotFound } from '../../control-plane/projects.ts';
import type { ProjectRecord } from '../../core/ports/project-store.ts';
import { actorOf, callerOf } from '../caller.ts';
import type { ApiContext } from '../context.ts';
import { projectDocument } from '../documents.ts';
import { pageInMemory } from '../memory-page.ts';
import { type Api, bearerOnly, noContent, problems } from '../route-docs.ts';

const docs = { tags: ['access'], security: bearerOnly };
const projectParams = z.object({ project: nameSchema });

export function projectRoutes(app: Api, context: ApiContext): void {
  const { projects } = context.controlPlane;
  const documentFor = (request: FastifyRequest, record: ProjectRecord) => {
    const maySeeAll = callerOf(request).access.has('platform');
    return projectDocument(record, maySeeAll ? projects.contentsOf(record.name) : undefined);
  };

  app.route({
    method: 'GET',
    url: '/projects',
    config: { access: 'any' },
    schema: {
      ...docs,
      operationId: 'listProjects',
      summary: 'List the projects that the caller may see, by name',
      querystring: pageQuerySchema,
      response: { 200: projectPageSchema, ...problems() },
    },
    handler: async (request) => {
      const { limit, cursor } = request.query;
      const caller = callerOf(request);
      const seen = projects.list().filter(({ name }) => caller.sees(name));
      const page = pageInMemory(seen, (project) => project.name, { limit, cursor });
      return { items: page.items.map((record) => documentFor(request, record)), nextCursor: page.nextCursor };
    },
  });

  app.route({
    method: 'POST',
    url: '/projects',
    config: { access: 'platform' },
    schema: {
      ...docs,
      operationId: 'createProject',
      summary: 'Create a project',
      body: createProjectSchema,
      response: { 201: projectSchema, ...problems(409, 413, 415) },
    },
    handler: async (request, reply) => {
      const record = await projects.create(request.body, actorOf(request));
      reply.header('location', `/api/v1/projects/${record.name}`);
      return reply.code(201).send(documentFor(request, record));
    },
  });

  app.route({
    method: 'GET',
    url: '/projects/:project',
    config: { access: 'any' },
    schema: {
      ...docs,
      operationId: 'getProject',
      summary: 'One project',
      params: projectParams,
      response: { 200: projectSchema, ...problems(404) },
    },
    handler: async (request) => {
      const { project } = request.params;
      if (!callerOf(request).sees(project)) throw projectNotFound(project);
      return documentFor(request, projects.get(project));
    },
  });

  app.route({
    method: 'PATCH',
    url: '/projects/:project',
    config: { access: 'platform' },
    schema: {
      ...docs,
      operationId: 'updateProject',
      summary: 'Change the description of a project',
      params: projectParams,
      body: updateProjectSchema,
      response: { 200: projectSchema, ...problems(404, 413, 415) },
    },
    handler: async (request) =>
      documentFor(request, await projects.update(request.params.project, request.body, actorOf(request))),
  });

  app.route({
    method: 'DELETE',
    url: '/projects/:project',
    config: { access: 'platform' },
    schema: {
      ...docs,
      operationId: 'deleteProject',
      summary: 'Delete a project without functions, and its tokens',
      description: 'Invocations and logs stay until their retention ends. Its name is not given out again.',
      params: projectParams,
      response: { 204: noContent, ...problems(404, 409) },
    },
    handler: async (request, reply) => {
      await projects.remove(request.params.project, actorOf(request));
      return reply.code(204).send();
    },
  });
}
