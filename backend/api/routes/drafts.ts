import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { createDraftSchema, createdDraftSchema, draftListSchema } from '../../../shared/api/functions.ts';
import { httpMessageType, maxMessageHeadBytes } from '../../../shared/http-message.ts';
import { limits } from '../../../shared/limits.ts';
import { fullNameOf } from '../../../shared/names.ts';
import { actorOf, functionNameIn, projectOfRequest } from '../caller.ts';
import type { ApiContext } from '../context.ts';
import { callHeaders, receiveCall, refuseTooLarge, takeRawPayloads } from '../controllers/call-payload.ts';
import { deploySource, disconnectSignal, receiveDeploy } from '../controllers/deploy.ts';
import { answerWritten, readMessage, routeOf } from '../controllers/http-request.ts';
import { answerCall } from '../controllers/invoke.ts';
import { draftDocument } from '../documents.ts';
import { type Api, bearerOnly, nameParams, noContent, problems } from '../route-docs.ts';

const draftParams = nameParams.extend({ draft: z.string().min(1).max(64) });
const docs = { tags: ['functions'], security: bearerOnly };

/** Drafts are made, called and deleted by whoever may deploy, and by nobody else: what they run is as new as a deployment. */
export function draftRoutes(app: Api, context: ApiContext): void {
  const { drafts } = context.controlPlane;

  app.route({
    method: 'POST',
    url: '/functions/:name/drafts',
    config: { access: 'deploy' },
    preValidation: (request) => receiveDeploy(request, context.uploads),
    schema: {
      ...docs,
      operationId: 'createDraft',
      summary: 'Build code to be tried before it is deployed',
      description:
        'Built and checked like a new version, and taken from the latest one where something is left out, but without a number, an alias or traffic. It is removed when it was not called for a while, when newer drafts take its place, and when the platform ends (docs/drafts.md).',
      consumes: ['application/json'],
      params: nameParams,
      body: createDraftSchema,
      response: { 201: createdDraftSchema, ...problems(404, 409, 413, 415, 422) },
    },
    handler: async (request, reply) => {
      const source = deploySource(request, request.body.files);
      const { draft, buildLog } = await drafts.create(
        functionNameIn(request, request.params.name),
        request.body,
        source,
        { actor: actorOf(request), signal: disconnectSignal(reply) },
      );
      reply.header('location', `/api/v1/functions/${request.params.name}/drafts/${draft.id}`);
      return reply.code(201).send({ draft: draftDocument(draft), buildLog: [...buildLog] });
    },
  });

  app.route({
    method: 'GET',
    url: '/functions/:name/drafts',
    config: { access: 'read' },
    schema: {
      ...docs,
      operationId: 'listDrafts',
      summary: 'Drafts that can be called, newest first',
      params: nameParams,
      response: { 200: draftListSchema, ...problems(404) },
    },
    handler: async (request) => ({
      items: drafts.list(functionNameIn(request, request.params.name)).map(draftDocument),
    }),
  });

  app.route({
    method: 'DELETE',
    url: '/functions/:name/drafts/:draft',
    config: { access: 'deploy' },
    schema: {
      ...docs,
      operationId: 'deleteDraft',
      summary: 'Delete a draft with its instances and its bundle',
      params: draftParams,
      response: { 204: noContent, ...problems(404) },
    },
    handler: async (request, reply) => {
      await drafts.remove(functionNameIn(request, request.params.name), request.params.draft, actorOf(request));
      return reply.code(204).send();
    },
  });
}

export function callDraftRoutes(app: Api, context: ApiContext): void {
  const { drafts, directory } = context.controlPlane;
  takeRawPayloads(app, (request: FastifyRequest) => {
    const { name = '', draft = '' } = request.params as { name?: string; draft?: string };
    const fullName = fullNameOf(projectOfRequest(request), name);
    const limit = fullName === undefined ? undefined : drafts.maxRequestBytes(fullName, draft);
    // What is not there is said after the body was read.
    return Math.max(limits.maxAsyncPayloadBytes, limit ?? 0) + maxMessageHeadBytes;
  });

  app.route({
    method: 'POST',
    url: '/functions/:name/drafts/:draft/invocations',
    config: { access: 'deploy' },
    schema: {
      ...docs,
      operationId: 'invokeDraft',
      summary: 'Call a draft',
      description:
        "Synchronous: 200 with the function's own result as the body, as for a call of the function. It is recorded with version 0 and counts in no metric of the function.",
      params: draftParams,
      headers: callHeaders,
      response: {
        200: z.unknown().describe("The function's result, with the function's own content type."),
        ...problems(404, 409, 413, 415, 422, 502, 504, 508),
      },
    },
    handler: async (request, reply) => {
      const { name, draft } = request.params;
      const resolution = drafts.resolve(functionNameIn(request, name), draft);
      const call = receiveCall(request, reply);
      refuseTooLarge(call.payload, resolution.version.config);
      return answerCall(context, request, reply, resolution, call);
    },
  });

  app.route({
    method: 'POST',
    url: '/functions/:name/drafts/:draft/requests',
    config: { access: 'deploy' },
    schema: {
      ...docs,
      operationId: 'requestDraft',
      summary: 'Send a draft an HTTP request',
      description: `As a call through the gateway would be. The body is a message, \`${httpMessageType}\`: one line of JSON with \`method\`, \`target\` (path and query), \`headers\` (pairs of name and value) and \`params\` (left out: of the function's route that takes it), a line feed, then the request's own body. The answer is a message too, with \`status\` and \`headers\`; it flows as the function writes it.`,
      params: draftParams,
      headers: callHeaders,
      response: {
        200: z.unknown().describe("The function's response as a message."),
        ...problems(404, 409, 413, 415, 422, 502, 504, 508),
      },
    },
    handler: async (request, reply) => {
      const { name, draft } = request.params;
      const resolution = drafts.resolve(functionNameIn(request, name), draft);
      const written = readMessage(request.body);
      const { params } = routeOf(directory.get(resolution.version.functionName), written);
      return await answerWritten(context, request, reply, written, { resolution, params, basePath: '' });
    },
  });
}
