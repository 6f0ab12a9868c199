import { z } from 'zod';
import {
  changeTopicsSchema,
  eventDataSchema,
  eventsQuerySchema,
  openStreamSchema,
} from '../../../shared/api/events.ts';
import type { ApiContext } from '../context.ts';
import { TopicStreams } from '../events/topic-streams.ts';
import { type Api, bearerOnly, problems } from '../route-docs.ts';

const docs = { tags: ['events'], security: bearerOnly };
const streamParams = z.object({ stream: z.string().min(1).max(64) });

/** One connection for everything live; see docs/events.md. */
export function eventRoutes(app: Api, context: ApiContext): void {
  const streams = new TopicStreams(context);
  app.addHook('onClose', async () => streams.close());

  app.route({
    method: 'GET',
    url: '/events',
    exposeHeadRoute: false,
    config: { access: 'any' },
    schema: {
      ...docs,
      operationId: 'streamEvents',
      summary: 'Many topics over one stream of server-sent events',
      description:
        'Each topic needs what the route needs that answers the same. `Last-Event-ID` goes on where a stream broke off: log lines from the store, the rest from memory; what is lost is marked by `gap`. Fails when no topic can be had; else `open` says which ones are refused.',
      querystring: eventsQuerySchema,
      response: {
        200: {
          description: 'Events `open`, `tick`, `log`, `deployment`, `alert`, `gap` and `closed`; see docs/events.md.',
          content: { 'text/event-stream': { schema: eventDataSchema } },
        },
        ...problems(404),
      },
    },
    handler: async (request, reply) => {
      const stream = streams.open(request, reply, request.query);
      return reply.send(stream.body as never);
    },
  });

  app.route({
    method: 'PUT',
    url: '/events/:stream/topics',
    config: { access: 'any' },
    schema: {
      ...docs,
      operationId: 'putStreamTopics',
      summary: 'Change the topics of an open stream',
      description: 'Topics that it carries already go on undisturbed. `stream` is in the data of its event `open`.',
      params: streamParams,
      body: changeTopicsSchema,
      response: { 200: openStreamSchema, ...problems(404, 413, 415) },
    },
    handler: async (request) => streams.change(request, request.params.stream, request.body.topics),
  });
}
