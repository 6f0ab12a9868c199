import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { changePasswordSchema, sessionPageSchema, signedInSchema, signInSchema } from '../../../shared/api/access.ts';
import { pageQuerySchema } from '../../../shared/api/paging.ts';
import { PlatformError } from '../../../shared/errors.ts';
import { actorOf, callerOf } from '../caller.ts';
import type { ApiContext } from '../context.ts';
import { timeText } from '../documents.ts';
import { pageInMemory } from '../memory-page.ts';
import { type Api, bearerOnly, noContent, problems } from '../route-docs.ts';

const docs = { tags: ['access'], security: bearerOnly };
const sessionParams = z.object({ session: z.string().min(1).max(64).describe('`current`: this one.') });

function sessionOf(request: FastifyRequest) {
  const { session } = callerOf(request);
  if (session !== undefined) return session;
  throw new PlatformError(
    'forbidden',
    'not_a_session',
    'this is for users who signed in; a token has no session and no password',
  );
}

export function sessionRoutes(app: Api, context: ApiContext): void {
  const { sessions } = context.controlPlane;

  app.route({
    method: 'POST',
    url: '/sessions',
    config: { access: 'none' },
    schema: {
      tags: ['access'],
      security: [],
      operationId: 'createSession',
      summary: 'Sign in with user and password',
      description: 'Ten failures of one user from one address in 15 minutes are answered 429 until they are over.',
      body: signInSchema,
      response: { 201: signedInSchema, ...problems(413, 415) },
    },
    handler: async (request, reply) => {
      const { user: name, password } = request.body;
      const { record, user, secret } = await sessions.signIn(name, password, request.ip);
      const expiresAt = timeText(record.expiresAt);
      return reply.code(201).send({ id: record.id, token: secret, user: user.name, expiresAt });
    },
  });

  app.route({
    method: 'GET',
    url: '/sessions',
    config: { access: 'any' },
    schema: {
      ...docs,
      operationId: 'listSessions',
      summary: "List the user's own sessions, oldest first",
      querystring: pageQuerySchema,
      response: { 200: sessionPageSchema, ...problems() },
    },
    handler: async (request) => {
      const { limit, cursor } = request.query;
      const { id: current, user } = sessionOf(request);
      const page = pageInMemory(sessions.list(user.id), ({ id }) => id, { limit, cursor });
      const items = page.items.map(({ id, createdAt, expiresAt, address }) => ({
        id,
        createdAt: timeText(createdAt),
        expiresAt: timeText(expiresAt),
        address,
        isCurrent: id === current,
      }));
      return { items, nextCursor: page.nextCursor };
    },
  });

  app.route({
    method: 'DELETE',
    url: '/sessions/:session',
    config: { access: 'any' },
    schema: {
      ...docs,
      operationId: 'deleteSession',
      summary: 'Sign out: end one of the own sessions, at once',
      params: sessionParams,
      response: { 204: noContent, ...problems(404) },
    },
    handler: async (request, reply) => {
      const { id: current, user } = sessionOf(request);
      const { session } = request.params;
      await sessions.end(session === 'current' ? current : session, user.id, actorOf(request));
      return reply.code(204).send();
    },
  });

  app.route({
    method: 'PUT',
    url: '/password',
    config: { access: 'any' },
    schema: {
      ...docs,
      operationId: 'changePassword',
      summary: "Change the user's own password; all other sessions end",
      body: changePasswordSchema,
      response: { 204: noContent, ...problems(413, 415) },
    },
    handler: async (request, reply) => {
      const { id, user } = sessionOf(request);
      const { currentPassword, newPassword } = request.body;
      await sessions.changePassword(user, id, currentPassword, newPassword, actorOf(request));
      return reply.code(204).send();
    },
  });
}
