import { z } from 'zod';
import {
  createUserSchema,
  memberPageSchema,
  memberSchema,
  putMemberSchema,
  updateUserSchema,
  userNameSchema,
  userPageSchema,
  userSchema,
} from '../../../shared/api/access.ts';
import { pageQuerySchema } from '../../../shared/api/paging.ts';
import { actorOf, projectOfRequest } from '../caller.ts';
import type { ApiContext } from '../context.ts';
import { userDocument } from '../documents.ts';
import { pageInMemory } from '../memory-page.ts';
import { type Api, bearerOnly, noContent, problems } from '../route-docs.ts';

const docs = { tags: ['access'], security: bearerOnly };
const userParams = z.object({ user: userNameSchema });

export function userRoutes(app: Api, context: ApiContext): void {
  const { users } = context.controlPlane;

  app.route({
    method: 'GET',
    url: '/users',
    config: { access: 'platform' },
    schema: {
      ...docs,
      operationId: 'listUsers',
      summary: 'List users by name',
      querystring: pageQuerySchema,
      response: { 200: userPageSchema, ...problems() },
    },
    handler: async (request) => {
      const { limit, cursor } = request.query;
      const page = pageInMemory(users.list(), (user) => user.name, { limit, cursor });
      return { items: page.items.map(userDocument), nextCursor: page.nextCursor };
    },
  });

  app.route({
    method: 'POST',
    url: '/users',
    config: { access: 'platform' },
    schema: {
      ...docs,
      operationId: 'createUser',
      summary: 'Create a user',
      body: createUserSchema,
      response: { 201: userSchema, ...problems(404, 409, 413, 415) },
    },
    handler: async (request, reply) => {
      const user = await users.create(request.body, actorOf(request));
      reply.header('location', `/api/v1/users/${encodeURIComponent(user.name)}`);
      return reply.code(201).send(userDocument(user));
    },
  });

  app.route({
    method: 'GET',
    url: '/users/:user',
    config: { access: 'platform' },
    schema: {
      ...docs,
      operationId: 'getUser',
      summary: 'One user',
      params: userParams,
      response: { 200: userSchema, ...problems(404) },
    },
    handler: async (request) => userDocument(users.get(request.params.user)),
  });

  app.route({
    method: 'PATCH',
    url: '/users/:user',
    config: { access: 'platform' },
    schema: {
      ...docs,
      operationId: 'updateUser',
      summary: 'Change roles, identities or password of a user, or whether the user may come in',
      params: userParams,
      body: updateUserSchema,
      response: { 200: userSchema, ...problems(404, 409, 413, 415) },
    },
    handler: async (request) => userDocument(await users.update(request.params.user, request.body, actorOf(request))),
  });

  app.route({
    method: 'DELETE',
    url: '/users/:user',
    config: { access: 'platform' },
    schema: {
      ...docs,
      operationId: 'deleteUser',
      summary: 'Delete a user with all sessions; the last owner of all projects stays',
      params: userParams,
      response: { 204: noContent, ...problems(404, 409) },
    },
    handler: async (request, reply) => {
      await users.remove(request.params.user, actorOf(request));
      return reply.code(204).send();
    },
  });
}

/** The people of one project, for its owners. */
export function memberRoutes(app: Api, context: ApiContext): void {
  const { users } = context.controlPlane;

  app.route({
    method: 'GET',
    url: '/members',
    config: { access: 'admin' },
    schema: {
      ...docs,
      operationId: 'listMembers',
      summary: 'List who has a role in the project, by name',
      description: 'Users who have a role in all projects are not among them.',
      querystring: pageQuerySchema,
      response: { 200: memberPageSchema, ...problems() },
    },
    handler: async (request) => {
      const { limit, cursor } = request.query;
      const page = pageInMemory(users.members(projectOfRequest(request)), ({ name }) => name, { limit, cursor });
      return { items: [...page.items], nextCursor: page.nextCursor };
    },
  });

  app.route({
    method: 'PUT',
    url: '/members/:user',
    config: { access: 'admin' },
    schema: {
      ...docs,
      operationId: 'putMember',
      summary: 'Give a user a role in the project',
      params: userParams,
      body: putMemberSchema,
      response: { 200: memberSchema, ...problems(404, 409, 413, 415) },
    },
    handler: async (request) => {
      const { user } = request.params;
      const { role } = request.body;
      await users.setRole(user, projectOfRequest(request), role, actorOf(request));
      return { name: user, role };
    },
  });

  app.route({
    method: 'DELETE',
    url: '/members/:user',
    config: { access: 'admin' },
    schema: {
      ...docs,
      operationId: 'deleteMember',
      summary: 'Take away the role of a user in the project',
      description: 'The last owner of the project stays.',
      params: userParams,
      response: { 204: noContent, ...problems(404, 409) },
    },
    handler: async (request, reply) => {
      await users.removeMember(request.params.user, projectOfRequest(request), actorOf(request));
      return reply.code(204).send();
    },
  });
}
