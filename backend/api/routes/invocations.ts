import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import {
  acceptedSchema,
  deadLetterPageSchema,
  invocationDetailSchema,
  invocationListQuerySchema,
  invocationPageSchema,
  invokeQuerySchema,
  redrivenSchema,
} from '../../../shared/api/invocations.ts';
import { keptRequestSchema } from '../../../shared/api/kept-requests.ts';
import { nameSchema, pageQuerySchema } from '../../../shared/api/paging.ts';
import { type ErrorKind, PlatformError } from '../../../shared/errors.ts';
import { httpMessageType, maxMessageHeadBytes } from '../../../shared/http-message.ts';
import { limits } from '../../../shared/limits.ts';
import { fullNameOf } from '../../../shared/names.ts';
import { refusalOf } from '../../core/refusals.ts';
import { actorOf, functionNameIn, projectOfRequest } from '../caller.ts';
import type { ApiContext } from '../context.ts';
import { sendAccepted } from '../controllers/accepted.ts';
import { callHeaders, receiveCall, refuseTooLarge, takeRawPayloads } from '../controllers/call-payload.ts';
import { answerWritten, basePathOf, readMessage, refuseHeaders, routeOf } from '../controllers/http-request.ts';
import { answerCall } from '../controllers/invoke.ts';
import { deadLetterDocument, invocationDocument, jsonValue, timeText } from '../documents.ts';
import { keptRequestDocument } from '../kept-request-document.ts';
import { type Api, bearerOnly, idParams, nameParams, noContent, problems } from '../route-docs.ts';

const docs = { tags: ['invocations'], security: bearerOnly };
const invokeHeaders = callHeaders.extend({
  'idempotency-key': z
    .string()
    .regex(/^[\x21-\x7e]{1,255}$/, '1 to 255 visible ASCII characters')
    .optional()
    .describe('Asynchronous only: the same key again answers with the first invocation.'),
});

export function invokeRoute(app: Api, context: ApiContext): void {
  const { invocations, directory } = context.controlPlane;
  const limitOf = (request: FastifyRequest) => {
    const { name } = request.params as { name?: string };
    const fullName = fullNameOf(projectOfRequest(request), name ?? '');
    const entry = fullName === undefined ? undefined : directory.find(fullName);
    const sizes = [...(entry?.versions.values() ?? [])].map((version) => version.config.maxRequestBytes);
    return Math.max(limits.maxAsyncPayloadBytes, ...sizes) + maxMessageHeadBytes;
  };
  takeRawPayloads(app, limitOf);
  app.addHook('onError', async (request, _reply, error) => countRefusal(context, request, error));

  app.route({
    method: 'POST',
    url: '/functions/:name/invocations',
    config: { access: 'invoke' },
    schema: {
      ...docs,
      operationId: 'invokeFunction',
      summary: 'Call a function',
      description:
        "Synchronous: 200 with the function's own result as the body. `?mode=async`: 202 when the call is on disk; the document at `Location` has its result later.",
      params: nameParams,
      querystring: invokeQuerySchema,
      headers: invokeHeaders,
      response: {
        200: z.unknown().describe("The function's result, with the function's own content type."),
        202: acceptedSchema,
        ...problems(404, 409, 413, 415, 422, 502, 504, 508),
      },
    },
    handler: async (request, reply) => {
      const { mode, qualifier = 'live', delayMs } = request.query;
      const resolution = invocations.resolve(functionNameIn(request, request.params.name), qualifier);
      const call = receiveCall(request, reply);
      if (mode === 'sync') {
        if (delayMs !== undefined) throw onlyAsync('delayMs');
        refuseTooLarge(call.payload, resolution.version.config);
        return answerCall(context, request, reply, resolution, call);
      }
      const submitted = await invocations.submit(resolution, call.payload, {
        trigger: 'async',
        delayMs: delayMs ?? 0,
        idempotencyKey: request.headers['idempotency-key'],
        traceparent: call.traceparent,
        callChain: call.callChain,
        replayOf: undefined,
      });
      return sendAccepted(reply, submitted);
    },
  });

  app.route({
    method: 'POST',
    url: '/functions/:name/requests',
    config: { access: 'invoke' },
    schema: {
      ...docs,
      operationId: 'requestFunction',
      summary: 'Send a function an HTTP request',
      description: `As a call through the gateway would be, to the version that the route, or \`live\`, has; callers are not asked who they are a second time, and CORS is not answered. The body is a message, \`${httpMessageType}\`: one line of JSON with \`method\`, \`target\` (path and query, below the function where it has no routes) and \`headers\` (pairs of name and value), a line feed, then the request's own body. The answer is a message too, with \`status\` and \`headers\`; it flows as the function writes it.`,
      params: nameParams,
      querystring: invokeQuerySchema.pick({ qualifier: true }),
      headers: callHeaders,
      response: {
        200: z.unknown().describe("The function's response as a message."),
        ...problems(404, 409, 413, 415, 422, 502, 504, 508),
      },
    },
    handler: async (request, reply) => {
      const entry = directory.get(functionNameIn(request, request.params.name));
      const written = readMessage(request.body);
      refuseHeaders(written.head);
      const { params, route } = routeOf(entry, written);
      const resolution = invocations.resolve(entry.record.name, request.query.qualifier ?? route?.alias ?? 'live');
      const target = { resolution, params, basePath: basePathOf(entry) };
      return await answerWritten(context, request, reply, written, target);
    },
  });
}

/** Kinds of errors, and codes of others, with which a call through the API is refused before it is an invocation. What the scheduler refuses, it counts itself. */
const refusedKinds: ReadonlySet<ErrorKind> = new Set(['invalid_request', 'payload_too_large']);
const refusedCodes: ReadonlySet<string> = new Set(['rate_limited', 'function_disabled']);

/** Only of functions that are there: callers choose names. */
function countRefusal({ controlPlane, refusals, clock }: ApiContext, request: FastifyRequest, error: unknown): void {
  const project = request.caller?.project;
  if (!(error instanceof PlatformError) || project === undefined) return;
  if (!refusedKinds.has(error.kind) && !refusedCodes.has(error.code)) return;
  const { name = '' } = request.params as { name?: string };
  const fullName = fullNameOf(project, name);
  if (fullName === undefined || controlPlane.directory.find(fullName) === undefined) return;
  refusals.record(refusalOf(fullName, error.kind, clock.now()));
}

function onlyAsync(path: string): PlatformError {
  const message = 'only for mode=async';
  return new PlatformError('invalid_request', 'invalid_input', `${path}: ${message}`, { issues: [{ path, message }] });
}

export function invocationRoutes(app: Api, context: ApiContext): void {
  const { invocations, directory } = context.controlPlane;

  app.route({
    method: 'GET',
    url: '/invocations',
    config: { access: 'invocations' },
    schema: {
      ...docs,
      operationId: 'listInvocations',
      summary: 'List invocations, newest first',
      description:
        'Synchronous calls that run are on the first page, at most half of it without `status=running`; those that wait for an instance are not listed. With `version`, `minDurationMs` or `search` a page looks at 50,000 invocations: it may be short or empty and still have a `nextCursor`.',
      querystring: invocationListQuerySchema,
      response: { 200: invocationPageSchema, ...problems() },
    },
    handler: async (request) => {
      const { function: name, from, to, limit, cursor, ...asked } = request.query;
      const project = projectOfRequest(request);
      const functionName = name === undefined ? undefined : fullNameOf(project, name);
      // What is no name of a function has no invocations.
      if (name !== undefined && functionName === undefined) return { items: [], nextCursor: null, leftOutAt: null };
      const filter = {
        ...asked,
        functionName,
        from: from === undefined ? undefined : Date.parse(from),
        to: to === undefined ? undefined : Date.parse(to),
      };
      const page = await invocations.list(project, filter, { limit, cursor });
      const leftOutAt = invocations.leftOutAt(project, functionName);
      return {
        items: page.items.map(invocationDocument),
        nextCursor: page.nextCursor,
        leftOutAt: leftOutAt === undefined ? null : timeText(leftOutAt),
      };
    },
  });

  app.route({
    method: 'GET',
    url: '/invocations/:id',
    config: { access: 'invocations' },
    schema: {
      ...docs,
      operationId: 'getInvocation',
      summary: 'One invocation with its outcome, timing, usage, payload, result and first 200 log lines',
      params: idParams,
      response: { 200: invocationDetailSchema, ...problems(404) },
    },
    handler: async (request) => {
      const project = projectOfRequest(request);
      const found = await invocations.get(project, request.params.id);
      const functionId = directory.find(found.functionName)?.record.id;
      const since = new Date(found.createdAt - 1000).toISOString();
      const logs = await context.logs.query({ project, functionId }, { invocation: found.id, limit: 200, since });
      return {
        ...invocationDocument(found),
        result: jsonValue(found.result),
        // What came over HTTP is asked for by itself, by those who may call the function.
        payload: found.request === undefined ? jsonValue(found.payload) : null,
        logs: [...logs.items],
      };
    },
  });

  app.route({
    method: 'GET',
    url: '/invocations/:id/request',
    // Who may not call a function has no business with what others called it with.
    config: { access: 'invoke' },
    schema: {
      ...docs,
      operationId: 'getInvocationRequest',
      summary: 'The request of a call over HTTP that was kept, and what the function answered',
      params: idParams,
      response: { 200: keptRequestSchema, ...problems(404) },
    },
    handler: async (request) => {
      const { id } = request.params;
      return keptRequestDocument(id, await invocations.request(projectOfRequest(request), id));
    },
  });

  app.route({
    method: 'DELETE',
    url: '/invocations/:id',
    config: { access: 'invoke' },
    schema: {
      ...docs,
      operationId: 'cancelInvocation',
      summary: 'Cancel an invocation that waits or runs',
      description:
        'Calls through the gateway are cancelled while they run: the caller gets 499, and an instance whose handler does not heed its AbortSignal within the grace ends.',
      params: idParams,
      response: { 204: noContent, ...problems(404, 409) },
    },
    handler: async (request, reply) => {
      await invocations.cancel(projectOfRequest(request), request.params.id, actorOf(request));
      return reply.code(204).send();
    },
  });

  app.route({
    method: 'POST',
    url: '/invocations/:id/replay',
    config: { access: 'invoke' },
    schema: {
      ...docs,
      operationId: 'replayInvocation',
      summary: 'Run an invocation once more with what was kept of it, asynchronously',
      description:
        'A call over HTTP runs with the same method, path, headers and body, without credentials, and is not tried again once it ran.',
      params: idParams,
      body: z.strictObject({}).nullish(),
      response: { 202: acceptedSchema, ...problems(404, 409, 413, 415, 422) },
    },
    handler: async (request, reply) =>
      sendAccepted(reply, await invocations.replay(projectOfRequest(request), request.params.id, actorOf(request))),
  });
}

const redriveAllSchema = z.strictObject({ function: nameSchema });

export function deadLetterRoutes(app: Api, context: ApiContext): void {
  const { deadLetters } = context.controlPlane;

  app.route({
    method: 'GET',
    url: '/dead-letters',
    config: { access: 'invocations' },
    schema: {
      ...docs,
      operationId: 'listDeadLetters',
      summary: 'List asynchronous invocations that were given up, newest first',
      querystring: pageQuerySchema.extend({ function: nameSchema.optional() }),
      response: { 200: deadLetterPageSchema, ...problems(404) },
    },
    handler: async (request) => {
      const { function: name, limit, cursor } = request.query;
      const functionName = name === undefined ? undefined : functionNameIn(request, name);
      const page = await deadLetters.list(projectOfRequest(request), functionName, { limit, cursor });
      return { items: page.items.map(deadLetterDocument), nextCursor: page.nextCursor };
    },
  });

  app.route({
    method: 'POST',
    url: '/dead-letters/redrive',
    config: { access: 'operate' },
    schema: {
      ...docs,
      operationId: 'redriveDeadLetters',
      summary: 'Submit all dead letters of a function again',
      body: redriveAllSchema,
      response: { 200: redrivenSchema, ...problems(404, 413, 415) },
    },
    handler: async (request) =>
      deadLetters.redriveAll(functionNameIn(request, request.body.function), actorOf(request)),
  });

  app.route({
    method: 'POST',
    url: '/dead-letters/:id/redrive',
    config: { access: 'operate' },
    schema: {
      ...docs,
      operationId: 'redriveDeadLetter',
      summary: 'Submit a dead letter again',
      params: idParams,
      body: z.strictObject({}).nullish(),
      response: { 202: acceptedSchema, ...problems(404, 413, 415) },
    },
    handler: async (request, reply) =>
      sendAccepted(reply, await deadLetters.redrive(projectOfRequest(request), request.params.id, actorOf(request))),
  });

  app.route({
    method: 'DELETE',
    url: '/dead-letters/:id',
    config: { access: 'operate' },
    schema: {
      ...docs,
      operationId: 'deleteDeadLetter',
      summary: 'Delete a dead letter with its payload',
      params: idParams,
      response: { 204: noContent, ...problems(404) },
    },
    handler: async (request, reply) => {
      await deadLetters.remove(projectOfRequest(request), request.params.id, actorOf(request));
      return reply.code(204).send();
    },
  });
}
