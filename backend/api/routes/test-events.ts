import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { pageQuerySchema } from '../../../shared/api/paging.ts';
import {
  putTestEventQuerySchema,
  type TestEvent,
  testEventPageSchema,
  testEventParams,
  testEventSchema,
} from '../../../shared/api/test-events.ts';
import { isCredentialHeader } from '../../../shared/credential-header.ts';
import { PlatformError } from '../../../shared/errors.ts';
import { httpMessageType } from '../../../shared/http-message.ts';
import { type TestEventVisibility, testEventLimits } from '../../../shared/test-events.ts';
import type { TestEventName } from '../../control-plane/test-events.ts';
import type { TestEventContent, TestEventRecord } from '../../core/ports/test-events.ts';
import { actorOf, callerOf, functionNameIn } from '../caller.ts';
import type { ApiContext } from '../context.ts';
import { takeRawPayloads } from '../controllers/call-payload.ts';
import { readMessage, refuseHeaders } from '../controllers/http-request.ts';
import { timeText } from '../documents.ts';
import { checkJsonBytes } from '../json-body.ts';
import { pageInMemory } from '../memory-page.ts';
import { type Api, bearerOnly, nameParams, noContent, problems } from '../route-docs.ts';

const docs = { tags: ['functions'], security: bearerOnly };
const url = '/functions/:name/test-events/:visibility/:event';

function testEventDocument({
  owner,
  name,
  kind,
  sizeBytes,
  createdAt,
  updatedAt,
  updatedBy,
}: TestEventRecord): TestEvent {
  const visibility = owner === undefined ? 'shared' : 'private';
  const times = { createdAt: timeText(createdAt), updatedAt: timeText(updatedAt) };
  return { name, visibility, kind, sizeBytes, ...times, updatedBy };
}

function namedBy(request: FastifyRequest, params: z.infer<typeof testEventParams>): TestEventName {
  return { functionName: functionNameIn(request, params.name), visibility: params.visibility, name: params.event };
}

/** What was sent to be saved. Throws `invalid_request` for what is neither, and `unprocessable`/`credentials_in_shared_event`. */
function contentOf(
  request: FastifyRequest,
  visibility: TestEventVisibility,
  mayShareCredentials: boolean,
): TestEventContent {
  const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
  const type = request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
  if (type !== httpMessageType) {
    checkJsonBytes(body, 'the event');
    return { kind: 'event', body };
  }
  const { head } = readMessage(body);
  refuseHeaders(head);
  const names = head.headers.map(([name]) => name).filter(isCredentialHeader);
  if (visibility === 'shared' && names.length > 0 && !mayShareCredentials) {
    const message = `everybody in the project would see what is in ${names.join(', ')}; leave that out, or say credentials=keep`;
    throw new PlatformError('unprocessable', 'credentials_in_shared_event', message);
  }
  return { kind: 'request', body };
}

/** An event is kept and given back byte by byte, with its layout and with numbers that JavaScript cannot hold: it has a body parser of its own. */
export function testEventRoutes(app: Api, context: ApiContext): void {
  const { testEvents } = context.controlPlane;
  takeRawPayloads(app, () => testEventLimits.maxBytes);

  app.route({
    method: 'GET',
    url: '/functions/:name/test-events',
    config: { access: 'invocations' },
    schema: {
      ...docs,
      operationId: 'listTestEvents',
      summary: "List a function's test events by name, without what is in them",
      description: "Those that the project shares, and the caller's own.",
      params: nameParams,
      querystring: pageQuerySchema,
      response: { 200: testEventPageSchema, ...problems(404) },
    },
    handler: async (request) => {
      const records = await testEvents.list(functionNameIn(request, request.params.name), callerOf(request));
      const keyOf = ({ name, owner }: TestEventRecord) => `${name}/${owner === undefined ? 'shared' : 'private'}`;
      const { limit, cursor } = request.query;
      const page = pageInMemory(records, keyOf, { limit, cursor });
      return { items: page.items.map(testEventDocument), nextCursor: page.nextCursor };
    },
  });

  app.route({
    method: 'GET',
    url,
    config: { access: 'invocations' },
    schema: {
      ...docs,
      operationId: 'getTestEvent',
      summary: 'What is in a test event',
      params: testEventParams,
      response: {
        200: z.unknown().describe('The event, or the message that is a request, as it was saved.'),
        ...problems(404),
      },
    },
    handler: async (request, reply) => {
      const { kind, body } = await testEvents.content(namedBy(request, request.params), callerOf(request));
      return reply.type(kind === 'request' ? httpMessageType : 'application/json; charset=utf-8').send(body);
    },
  });

  app.route({
    method: 'PUT',
    url,
    config: { access: 'invoke' },
    schema: {
      ...docs,
      operationId: 'putTestEvent',
      summary: 'Save an event to call a function with',
      description: `The body is the event; with the content type \`${httpMessageType}\`, a whole HTTP request as \`requestFunction\` takes it. At most ${testEventLimits.maxPrivate} private ones per function and user or token, and ${testEventLimits.maxShared} shared ones per function.`,
      params: testEventParams,
      querystring: putTestEventQuerySchema,
      response: { 200: testEventSchema, ...problems(404, 409, 413, 415, 422) },
    },
    handler: async (request) => {
      const { visibility } = request.params;
      const content = contentOf(request, visibility, request.query.credentials === 'keep');
      return testEventDocument(await testEvents.put(namedBy(request, request.params), content, actorOf(request)));
    },
  });

  app.route({
    method: 'DELETE',
    url,
    config: { access: 'invoke' },
    schema: {
      ...docs,
      operationId: 'deleteTestEvent',
      summary: 'Delete a test event',
      params: testEventParams,
      response: { 204: noContent, ...problems(404) },
    },
    handler: async (request, reply) => {
      await testEvents.remove(namedBy(request, request.params), actorOf(request));
      return reply.code(204).send();
    },
  });
}
