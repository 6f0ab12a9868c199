import { z } from 'zod';
import { pageQuerySchema } from '../../../shared/api/paging.ts';
import {
  putSecretSchema,
  putSecretsSchema,
  secretListSchema,
  secretPageSchema,
  secretParams,
  secretSchema,
  secretsKeySchema,
} from '../../../shared/api/secrets.ts';
import { actorOf, projectOfRequest } from '../caller.ts';
import type { ApiContext } from '../context.ts';
import { secretDocument } from '../documents.ts';
import { pageInMemory } from '../memory-page.ts';
import { type Api, bearerOnly, noContent, problems } from '../route-docs.ts';

const docs = { tags: ['secrets'], security: bearerOnly };

export function secretRoutes(app: Api, context: ApiContext): void {
  const { secrets } = context.controlPlane;

  app.route({
    method: 'GET',
    url: '/secrets',
    config: { access: 'read' },
    schema: {
      ...docs,
      operationId: 'listSecrets',
      summary: 'List secrets by name, without their values',
      querystring: pageQuerySchema,
      response: { 200: secretPageSchema, ...problems() },
    },
    handler: async (request) => {
      const { limit, cursor } = request.query;
      const page = pageInMemory(secrets.list(projectOfRequest(request)), ({ record }) => record.name, {
        limit,
        cursor,
      });
      return { items: page.items.map(secretDocument), nextCursor: page.nextCursor };
    },
  });

  app.route({
    method: 'PATCH',
    url: '/secrets',
    config: { access: 'deploy' },
    schema: {
      ...docs,
      operationId: 'putSecrets',
      summary: 'Set the values of several secrets: all of them, or none',
      description: 'Each as if it were set alone. Secrets that are not named stay as they are.',
      body: putSecretsSchema,
      response: { 200: secretListSchema, ...problems(413, 415) },
    },
    handler: async (request) => {
      const set = await secrets.putAll(projectOfRequest(request), request.body.values, actorOf(request));
      return { items: set.map(secretDocument) };
    },
  });

  app.route({
    method: 'GET',
    url: '/secrets/:name',
    config: { access: 'read' },
    schema: {
      ...docs,
      operationId: 'getSecret',
      summary: 'One secret, without its value',
      params: secretParams,
      response: { 200: secretSchema, ...problems(404) },
    },
    handler: async (request) => secretDocument(secrets.get(projectOfRequest(request), request.params.name)),
  });

  app.route({
    method: 'PUT',
    url: '/secrets/:name',
    config: { access: 'deploy' },
    schema: {
      ...docs,
      operationId: 'putSecret',
      summary: 'Set the value of a secret',
      description:
        'The value can never be read again. Calls that begin after the answer see it; instances that started with another value end when their calls have.',
      params: secretParams,
      body: putSecretSchema,
      response: { 200: secretSchema, ...problems(413, 415) },
    },
    handler: async (request) =>
      secretDocument(
        await secrets.put(projectOfRequest(request), request.params.name, request.body.value, actorOf(request)),
      ),
  });

  app.route({
    method: 'DELETE',
    url: '/secrets/:name',
    config: { access: 'deploy' },
    schema: {
      ...docs,
      operationId: 'deleteSecret',
      summary: 'Delete a secret that no version behind an alias lists',
      params: secretParams,
      response: { 204: noContent, ...problems(404, 409) },
    },
    handler: async (request, reply) => {
      await secrets.remove(projectOfRequest(request), request.params.name, actorOf(request));
      return reply.code(204).send();
    },
  });

  app.route({
    method: 'GET',
    url: '/system/secrets-key',
    config: { access: 'platform' },
    schema: {
      ...docs,
      operationId: 'getSecretsKey',
      summary: 'Which key wraps secrets, and how far a rotation is',
      response: { 200: secretsKeySchema, ...problems() },
    },
    handler: async () => secrets.keyView(),
  });

  app.route({
    method: 'POST',
    url: '/system/secrets-key/rotation',
    config: { access: 'platform' },
    schema: {
      ...docs,
      operationId: 'rotateSecretsKey',
      summary: 'Turn to another key and wrap all secrets with it, in the background',
      body: z.strictObject({}).nullish(),
      response: { 202: secretsKeySchema, ...problems(409, 413, 415) },
    },
    handler: async (request, reply) => reply.code(202).send(await secrets.rotateKey(actorOf(request))),
  });
}
