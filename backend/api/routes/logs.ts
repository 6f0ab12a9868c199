import type { FastifyReply, FastifyRequest } from 'fastify';
import { type LogQuery, logPageSchema, logQuerySchema } from '../../../shared/api/invocations.ts';
import { logHistogramQuerySchema, logHistogramSchema } from '../../../shared/api/log-histogram.ts';
import type { FunctionId } from '../../../shared/ids.ts';
import { functionNameIn } from '../caller.ts';
import type { ApiContext } from '../context.ts';
import { followLogs } from '../controllers/follow-logs.ts';
import { followedScope, logScope } from '../controllers/log-scope.ts';
import { type Api, bearerOnly, nameParams, problems } from '../route-docs.ts';

const docs = { tags: ['logs'], security: bearerOnly };
const description =
  'Oldest first: from `since` or `cursor`, else the newest page, or the newest before `before`. A page looks at 50,000 lines at most: it may have fewer lines than asked for, or none, and there is more while `nextCursor` or `before` is not null. `?follow=1` answers with server-sent events `log` and resumes after `Last-Event-ID`.';
const response = {
  200: {
    description: 'Log lines; with `?follow=1` a stream of them.',
    content: { 'application/json': { schema: logPageSchema } },
  },
};
const histogramDescription =
  'The same filters as the search. Lines of a function or a project are counted as they are stored, so that every range is answered at once; with a filter that asks for more than `level:`, `version:` or `stream:`, 30,000 lines are looked at, the newest first, and `complete` says whether these were all.';
const histogramResponse = { 200: logHistogramSchema };

export function logRoutes(app: Api, context: ApiContext): void {
  const { directory } = context.controlPlane;
  const answer = async (
    request: FastifyRequest,
    reply: FastifyReply,
    functionId: FunctionId | undefined,
    query: LogQuery,
  ) => {
    if (query.follow !== '1' || request.method === 'HEAD') {
      const scope = logScope(directory, request, functionId, query.filter);
      const page = await context.logs.query(scope, query);
      return reply.send({ items: page.items, nextCursor: page.nextCursor, before: page.before });
    }
    const header = request.headers['last-event-id'];
    const lastEventId = typeof header === 'string' && /^[\x21-\x7e]{1,128}$/.test(header) ? header : undefined;
    const scope = followedScope(directory, request, functionId, query.filter);
    const stream = context.streams.open(request, reply);
    followLogs(context, stream, scope, query, lastEventId).catch((error: unknown) => {
      context.logger.error({ err: error, requestId: request.id }, 'a log stream broke off');
      stream.end();
    });
    return reply.send(stream.body);
  };

  app.route({
    method: 'GET',
    url: '/logs',
    config: { access: 'read' },
    schema: {
      ...docs,
      operationId: 'queryLogs',
      summary: 'Logs of all functions',
      description,
      querystring: logQuerySchema,
      response: { ...response, ...problems() },
    },
    handler: (request, reply) => answer(request, reply, undefined, request.query),
  });

  app.route({
    method: 'GET',
    url: '/functions/:name/logs',
    config: { access: 'invocations' },
    schema: {
      ...docs,
      operationId: 'queryFunctionLogs',
      summary: 'Logs of one function',
      description,
      params: nameParams,
      querystring: logQuerySchema,
      response: { ...response, ...problems(404) },
    },
    handler: (request, reply) => {
      const { id } = directory.get(functionNameIn(request, request.params.name)).record;
      return answer(request, reply, id, request.query);
    },
  });

  app.route({
    method: 'GET',
    url: '/logs/histogram',
    config: { access: 'read' },
    schema: {
      ...docs,
      operationId: 'countLogs',
      summary: 'How many log lines there are over time, by level',
      description: histogramDescription,
      querystring: logHistogramQuerySchema,
      response: { ...histogramResponse, ...problems() },
    },
    handler: (request) => {
      const scope = logScope(directory, request, undefined, request.query.filter);
      return context.logs.histogram(scope, request.query);
    },
  });

  app.route({
    method: 'GET',
    url: '/functions/:name/logs/histogram',
    config: { access: 'invocations' },
    schema: {
      ...docs,
      operationId: 'countFunctionLogs',
      summary: 'How many log lines of one function there are over time, by level',
      description: histogramDescription,
      params: nameParams,
      querystring: logHistogramQuerySchema,
      response: { ...histogramResponse, ...problems(404) },
    },
    handler: (request) => {
      const { id } = directory.get(functionNameIn(request, request.params.name)).record;
      const scope = logScope(directory, request, id, request.query.filter);
      return context.logs.histogram(scope, request.query);
    },
  });
}
