import { metricsQuerySchema, metricsSchema } from '../../../shared/api/metrics.ts';
import { PlatformError } from '../../../shared/errors.ts';
import { functionNameIn, shownProject } from '../caller.ts';
import type { ApiContext } from '../context.ts';
import { type Api, bearerOnly, problems, textResponse } from '../route-docs.ts';

const docs = { tags: ['metrics'], security: bearerOnly };
const defaultRangeMs = 3_600_000;
const maxPoints = 10_000;

export function metricsRoutes(app: Api, context: ApiContext): void {
  app.route({
    method: 'GET',
    url: '/metrics',
    config: { access: 'read' },
    schema: {
      ...docs,
      operationId: 'queryMetrics',
      summary: 'Series of a project, of one function, or of the platform',
      description:
        'Without `function`: the functions that the project has now. Callers who may see all projects and name none get the whole platform.',
      querystring: metricsQuerySchema,
      response: { 200: metricsSchema, ...problems(404) },
    },
    handler: async (request) => {
      const { function: name, version, stepMs } = request.query;
      const to = request.query.to === undefined ? context.clock.now() : Date.parse(request.query.to);
      const from = request.query.from === undefined ? to - defaultRangeMs : Date.parse(request.query.from);
      if (from >= to) throw new PlatformError('invalid_request', 'bad_range', '`from` must be before `to`');
      if (stepMs !== undefined && (to - from) / stepMs > maxPoints) {
        const message = `that would be more than ${maxPoints} points; take a longer stepMs or a shorter range`;
        throw new PlatformError('invalid_request', 'bad_range', message);
      }
      const { directory } = context.controlPlane;
      const functionId = name === undefined ? undefined : directory.get(functionNameIn(request, name)).record.id;
      const project = shownProject(request);
      const functionIds =
        project === undefined ? undefined : directory.entriesOf(project).map(({ record }) => record.id);
      return context.metrics.series({ functionId, functionIds, version, from, to, stepMs });
    },
  });

  app.route({
    method: 'GET',
    url: '/metrics/stream',
    exposeHeadRoute: false,
    config: { access: 'read' },
    schema: {
      ...docs,
      operationId: 'streamMetrics',
      summary: 'Live numbers, one event `tick` a second',
      response: { 200: textResponse('text/event-stream', 'Events `tick`, each a LiveTick.'), ...problems() },
    },
    handler: async (request, reply) => {
      const stream = context.streams.open(reply);
      stream.onClose(context.metrics.subscribe((tick) => stream.send('tick', tick.at, tick), shownProject(request)));
      return reply.send(stream.body as never);
    },
  });
}
