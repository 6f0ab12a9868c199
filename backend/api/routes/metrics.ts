import { costSchema, priceTableSchema } from '../../../shared/api/cost.ts';
import {
  type GaugeSeries,
  gaugeSeriesSchema,
  gaugesQuerySchema,
  hostGaugeNames,
  metricsQuerySchema,
  metricsSchema,
} from '../../../shared/api/metrics.ts';
import { PlatformError } from '../../../shared/errors.ts';
import { actorOf, functionNameIn, shownProject } from '../caller.ts';
import type { ApiContext } from '../context.ts';
import { type Api, bearerOnly, problems, textResponse } from '../route-docs.ts';

const docs = { tags: ['metrics'], security: bearerOnly };
const defaultRangeMs = 3_600_000;
const maxPoints = 10_000;

/** [from, to) in ms since 1970; the last hour where nothing is said. */
function rangeOf(query: { readonly from?: string | undefined; readonly to?: string | undefined }, now: number) {
  const to = query.to === undefined ? now : Date.parse(query.to);
  const from = query.from === undefined ? to - defaultRangeMs : Date.parse(query.from);
  if (from >= to) throw new PlatformError('invalid_request', 'bad_range', '`from` must be before `to`');
  return { from, to };
}

/** The same for a chart, whose steps are not without number. */
function stepsOf(query: Parameters<typeof rangeOf>[0] & { readonly stepMs?: number | undefined }, now: number) {
  const { from, to } = rangeOf(query, now);
  const { stepMs } = query;
  if (stepMs !== undefined && (to - from) / stepMs > maxPoints) {
    const message = `that would be more than ${maxPoints} points; take a longer stepMs or a shorter range`;
    throw new PlatformError('invalid_request', 'bad_range', message);
  }
  return { from, to, stepMs };
}

/** For callers who see only some projects. */
function ofHostAlone(series: GaugeSeries): GaugeSeries {
  const hide = ({ gauges, ...point }: GaugeSeries['points'][number]) => {
    const values = Object.entries(gauges).map(([name, value]) => [
      name,
      hostGaugeNames.some((host) => host === name) ? value : null,
    ]);
    return { ...point, gauges: Object.fromEntries(values) };
  };
  return { ...series, points: series.points.map(hide) };
}

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
      const { function: name, version } = request.query;
      const { from, to, stepMs } = stepsOf(request.query, context.clock.now());
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
    url: '/metrics/gauges',
    config: { access: 'read' },
    schema: {
      ...docs,
      operationId: 'queryGauges',
      summary: 'What the host and the pool were doing',
      description:
        'Kept as series are: in seconds for 15 minutes, then in 10 s, minutes and hours. Numbers that are sums over all projects are null for callers who see only some, or name one.',
      querystring: gaugesQuerySchema,
      response: { 200: gaugeSeriesSchema, ...problems() },
    },
    handler: async (request) => {
      const series = await context.metrics.gaugeSeries(stepsOf(request.query, context.clock.now()));
      return shownProject(request) === undefined ? series : ofHostAlone(series);
    },
  });

  app.route({
    method: 'GET',
    url: '/metrics/costs',
    config: { access: 'read' },
    schema: {
      ...docs,
      operationId: 'getCosts',
      summary: 'What functions used, and what the same would cost elsewhere',
      description: 'Of the functions that the project has now; the range is rounded out to steps that are kept.',
      querystring: metricsQuerySchema.pick({ from: true, to: true }),
      response: { 200: costSchema, ...problems() },
    },
    handler: async (request) => {
      const { from, to } = rangeOf(request.query, context.clock.now());
      return await context.controlPlane.costs.report(shownProject(request), from, to);
    },
  });

  app.route({
    method: 'GET',
    url: '/metrics/prices',
    config: { access: 'read' },
    schema: {
      ...docs,
      operationId: 'getPrices',
      summary: 'The price table that costs are computed with',
      response: { 200: priceTableSchema, ...problems() },
    },
    handler: async () => await context.controlPlane.costs.prices(),
  });

  app.route({
    method: 'PUT',
    url: '/metrics/prices',
    config: { access: 'platform' },
    schema: {
      ...docs,
      operationId: 'putPrices',
      summary: 'Replace the price table',
      body: priceTableSchema,
      response: { 200: priceTableSchema, ...problems(413, 415) },
    },
    handler: async (request) => await context.controlPlane.costs.setPrices(request.body, actorOf(request)),
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
      const stream = context.streams.open(request, reply);
      stream.onClose(context.metrics.subscribe((tick) => stream.send('tick', tick.at, tick), shownProject(request)));
      return reply.send(stream.body as never);
    },
  });
}
