import { pageOf, pageQuerySchema } from '../../../shared/api/paging.ts';
import { createdTokenSchema, createTokenSchema, tokenSchema, whoamiSchema } from '../../../shared/api/system.ts';
import { PlatformError } from '../../../shared/errors.ts';
import { actorOf, callerOf, projectOfRequest, shownProject } from '../caller.ts';
import type { ApiContext } from '../context.ts';
import { tokenDocument } from '../documents.ts';
import { pageInMemory } from '../memory-page.ts';
import { type Api, bearerOnly, idParams, noContent, problems } from '../route-docs.ts';

const docs = { tags: ['access'], security: bearerOnly };
const tokenPageSchema = pageOf(tokenSchema);

export function accessRoutes(app: Api, context: ApiContext): void {
  const { tokens } = context.controlPlane;

  app.route({
    method: 'GET',
    url: '/whoami',
    config: { access: 'any' },
    schema: {
      ...docs,
      operationId: 'whoami',
      summary: 'The token that this request came with',
      response: { 200: whoamiSchema, ...problems() },
    },
    handler: async (request) => {
      const { id, kind, name, role, project, isPlatformWide, access } = callerOf(request);
      return { tokenId: id, kind, name, scope: role, project: project ?? null, isPlatformWide, access: [...access] };
    },
  });

  app.route({
    method: 'GET',
    url: '/tokens',
    config: { access: 'admin' },
    schema: {
      ...docs,
      operationId: 'listTokens',
      summary: 'List tokens of the project, oldest first, without their secrets',
      description: 'All tokens, for callers who may see all projects and name none.',
      querystring: pageQuerySchema,
      response: { 200: tokenPageSchema, ...problems() },
    },
    handler: async (request) => {
      const { limit, cursor } = request.query;
      const page = pageInMemory(tokens.list(shownProject(request)), (token) => token.id, { limit, cursor });
      return { items: page.items.map(tokenDocument), nextCursor: page.nextCursor };
    },
  });

  app.route({
    method: 'POST',
    url: '/tokens',
    config: { access: 'admin' },
    schema: {
      ...docs,
      operationId: 'createToken',
      summary: 'Create a token; its secret is shown this once',
      description:
        'For the project of the request; for all projects when the caller may see all of them and names none, or says so.',
      body: createTokenSchema,
      response: { 201: createdTokenSchema, ...problems(413, 415) },
    },
    handler: async (request, reply) => {
      const { isPlatformWide: isAllowed } = callerOf(request);
      const { isPlatformWide = shownProject(request) === undefined, ...input } = request.body;
      if (isPlatformWide && !isAllowed) {
        throw new PlatformError('forbidden', 'scope_missing', 'you may not give what is good for all projects');
      }
      const project = isPlatformWide ? undefined : projectOfRequest(request);
      const { record, secret } = await tokens.create(input, project, actorOf(request));
      return reply.code(201).send({ ...tokenDocument(record), secret });
    },
  });

  app.route({
    method: 'DELETE',
    url: '/tokens/:id',
    config: { access: 'admin' },
    schema: {
      ...docs,
      operationId: 'deleteToken',
      summary: 'Revoke a token, at once',
      params: idParams,
      response: { 204: noContent, ...problems(404, 409) },
    },
    handler: async (request, reply) => {
      await tokens.revoke(request.params.id, shownProject(request), actorOf(request));
      return reply.code(204).send();
    },
  });
}
