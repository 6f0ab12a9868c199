import { aliasMovePageSchema, aliasMovesQuerySchema } from '../../../shared/api/alias-moves.ts';
import { buildSchema, deployQuerySchema } from '../../../shared/api/builds.ts';
import {
  aliasPageSchema,
  aliasSchema,
  canaryAbortsQuerySchema,
  canaryAbortsSchema,
  createVersionSchema,
  deployedSchema,
  deploymentsQuerySchema,
  deploymentsSchema,
  previewVersionSchema,
  putAliasSchema,
  versionFilesSchema,
  versionPageSchema,
  versionPreviewSchema,
  versionSchema,
} from '../../../shared/api/functions.ts';
import { nameSchema, pageQuerySchema } from '../../../shared/api/paging.ts';
import { shortNameOf } from '../../../shared/names.ts';
import { actorOf, functionNameIn, projectOfRequest } from '../caller.ts';
import type { ApiContext } from '../context.ts';
import { answerDeploy, deploySource, noWaitDescription, receiveDeploy } from '../controllers/deploy.ts';
import { aliasDocument, aliasMoveDocument, timeText, versionDocument } from '../documents.ts';
import { etagOf, expectedRevision } from '../etag.ts';
import { type Api, bearerOnly, ifMatchHeaders, nameParams, noContent, problems, versionNumber } from '../route-docs.ts';

const versionParams = nameParams.extend({ version: versionNumber });
const aliasParams = nameParams.extend({ alias: nameSchema });
const docs = { tags: ['functions'], security: bearerOnly };

export function versionRoutes(app: Api, context: ApiContext): void {
  const { versions, versionPreview, deployments } = context.controlPlane;

  app.route({
    method: 'POST',
    url: '/functions/:name/versions',
    config: { access: 'deploy' },
    preValidation: (request) => receiveDeploy(request, context.uploads),
    schema: {
      ...docs,
      operationId: 'createVersion',
      summary: 'Deploy a new version',
      description: `Settings that are left out are those of the latest version. Without code the latest bundle is used again. Unless \`promote\` is false, \`live\` moves to the new version when it is whole; until then the old one serves. ${noWaitDescription}`,
      consumes: ['application/json'],
      params: nameParams,
      headers: ifMatchHeaders,
      querystring: deployQuerySchema,
      body: createVersionSchema,
      response: { 201: deployedSchema, 202: buildSchema, ...problems(404, 409, 412, 413, 415, 422) },
    },
    handler: async (request, reply) => {
      const source = deploySource(request, request.body.files);
      const fullName = functionNameIn(request, request.params.name);
      const revision = expectedRevision(request.headers['if-match']);
      return await answerDeploy(context, request, reply, (how) =>
        deployments.createVersion(fullName, request.body, source, { ...how, expectedRevision: revision }),
      );
    },
  });

  app.route({
    method: 'POST',
    url: '/functions/:name/versions/preview',
    config: { access: 'deploy' },
    schema: {
      ...docs,
      operationId: 'previewVersion',
      summary: 'What a new version would change',
      description:
        'Compares with the latest version, without building or changing anything, and refuses what a deployment would refuse. Of code it says nothing: the files of a version have their hashes.',
      params: nameParams,
      body: previewVersionSchema,
      response: { 200: versionPreviewSchema, ...problems(404, 409, 413, 415, 422) },
    },
    handler: async (request) => {
      const { fields, warnings } = await versionPreview.of(functionNameIn(request, request.params.name), request.body);
      return { fields: [...fields], warnings: [...warnings] };
    },
  });

  app.route({
    method: 'GET',
    url: '/deployments',
    config: { access: 'read' },
    schema: {
      ...docs,
      operationId: 'listDeployments',
      summary: 'Versions of all functions of a project, newest first',
      querystring: deploymentsQuerySchema,
      response: { 200: deploymentsSchema, ...problems(404) },
    },
    handler: async (request) => {
      const { function: name, from, to, limit } = request.query;
      const { items, isComplete } = versions.recent({
        project: projectOfRequest(request),
        functionName: name === undefined ? undefined : functionNameIn(request, name),
        from: from === undefined ? Number.NEGATIVE_INFINITY : Date.parse(from),
        to: to === undefined ? Number.POSITIVE_INFINITY : Date.parse(to),
        limit,
      });
      return {
        items: items.map(({ functionName, version }) => ({
          functionName: shortNameOf(functionName),
          version: version.version,
          message: version.message,
          at: timeText(version.createdAt),
          by: version.createdBy,
        })),
        isComplete,
      };
    },
  });

  app.route({
    method: 'GET',
    url: '/functions/:name/versions',
    config: { access: 'read' },
    schema: {
      ...docs,
      operationId: 'listVersions',
      summary: 'List versions, newest first',
      params: nameParams,
      querystring: pageQuerySchema,
      response: { 200: versionPageSchema, ...problems(404) },
    },
    handler: async (request) => {
      const { limit, cursor } = request.query;
      const name = functionNameIn(request, request.params.name);
      const { entry, items, nextCursor } = await versions.list(name, { limit, cursor });
      return { items: items.map((record) => versionDocument(record, entry)), nextCursor };
    },
  });

  app.route({
    method: 'GET',
    url: '/functions/:name/versions/:version',
    config: { access: 'read' },
    schema: {
      ...docs,
      operationId: 'getVersion',
      summary: 'One version',
      params: versionParams,
      response: { 200: versionSchema, ...problems(404) },
    },
    handler: async (request) => {
      const { entry, version } = versions.get(functionNameIn(request, request.params.name), request.params.version);
      return versionDocument(version, entry);
    },
  });

  app.route({
    method: 'GET',
    url: '/functions/:name/versions/:version/files',
    config: { access: 'read' },
    schema: {
      ...docs,
      operationId: 'getVersionFiles',
      summary: 'The files of a version, and the packages that its build installed',
      params: versionParams,
      response: { 200: versionFilesSchema, ...problems(404) },
    },
    handler: async (request) => {
      const { name, version } = request.params;
      const { files, packages } = await versions.files(functionNameIn(request, name), version);
      return { files: [...files], packages };
    },
  });
}

export function aliasRoutes(app: Api, context: ApiContext): void {
  const { aliases } = context.controlPlane;

  app.route({
    method: 'GET',
    url: '/canary-aborts',
    config: { access: 'read' },
    schema: {
      ...docs,
      operationId: 'listCanaryAborts',
      summary: 'Canaries that the platform took back, newest first',
      querystring: canaryAbortsQuerySchema,
      response: { 200: canaryAbortsSchema, ...problems(404) },
    },
    handler: async (request) => {
      const { function: name, from, to, limit } = request.query;
      const items = await aliases.canaryAborts({
        project: projectOfRequest(request),
        functionName: name === undefined ? undefined : functionNameIn(request, name),
        from: from === undefined ? 0 : Date.parse(from),
        to: to === undefined ? Number.MAX_SAFE_INTEGER : Date.parse(to),
        limit,
      });
      return {
        items: items.map(({ functionId: _id, functionName, at, ...same }) => ({
          ...same,
          functionName: shortNameOf(functionName),
          at: timeText(at),
        })),
      };
    },
  });

  app.route({
    method: 'GET',
    url: '/functions/:name/aliases',
    config: { access: 'read' },
    schema: {
      ...docs,
      operationId: 'listAliases',
      summary: 'List aliases by name',
      params: nameParams,
      response: { 200: aliasPageSchema, ...problems(404) },
    },
    handler: async (request) => ({
      items: aliases.list(functionNameIn(request, request.params.name)).map(aliasDocument),
      nextCursor: null,
    }),
  });

  app.route({
    method: 'GET',
    url: '/functions/:name/alias-moves',
    config: { access: 'read' },
    schema: {
      ...docs,
      operationId: 'listAliasMoves',
      summary: 'List moves of aliases, newest first',
      description:
        'Deployments, rollbacks, canaries and what the platform took back: who, when, from what to what, why.',
      params: nameParams,
      querystring: aliasMovesQuerySchema,
      response: { 200: aliasMovePageSchema, ...problems(404) },
    },
    handler: async (request) => {
      const { alias, ...page } = request.query;
      const { items, nextCursor } = await aliases.moves(functionNameIn(request, request.params.name), alias, {
        limit: page.limit,
        cursor: page.cursor,
      });
      return { items: items.map(aliasMoveDocument), nextCursor };
    },
  });

  app.route({
    method: 'GET',
    url: '/functions/:name/aliases/:alias',
    config: { access: 'read' },
    schema: {
      ...docs,
      operationId: 'getAlias',
      summary: 'One alias',
      params: aliasParams,
      response: { 200: aliasSchema, ...problems(404) },
    },
    handler: async (request, reply) => {
      const alias = aliases.get(functionNameIn(request, request.params.name), request.params.alias);
      reply.header('etag', etagOf(alias.revision));
      return aliasDocument(alias);
    },
  });

  app.route({
    method: 'PUT',
    url: '/functions/:name/aliases/:alias',
    config: { access: 'operate' },
    schema: {
      ...docs,
      operationId: 'putAlias',
      summary: 'Create or move an alias',
      description: 'Moving `live` back is a rollback; two versions with weights are a canary.',
      params: aliasParams,
      headers: ifMatchHeaders,
      body: putAliasSchema,
      response: { 200: aliasSchema, ...problems(404, 409, 412, 413, 415) },
    },
    handler: async (request, reply) => {
      const { alias: aliasName } = request.params;
      const name = functionNameIn(request, request.params.name);
      const expected = expectedRevision(request.headers['if-match']);
      const alias = await aliases.put(name, aliasName, request.body, expected, actorOf(request));
      reply.header('etag', etagOf(alias.revision));
      return aliasDocument(alias);
    },
  });

  app.route({
    method: 'DELETE',
    url: '/functions/:name/aliases/:alias',
    config: { access: 'deploy' },
    schema: {
      ...docs,
      operationId: 'deleteAlias',
      summary: 'Delete an alias that no route or schedule uses',
      params: aliasParams,
      response: { 204: noContent, ...problems(404, 409) },
    },
    handler: async (request, reply) => {
      const name = functionNameIn(request, request.params.name);
      await aliases.remove(name, request.params.alias, actorOf(request));
      return reply.code(204).send();
    },
  });
}
