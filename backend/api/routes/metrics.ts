import type { FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { costSchema, priceTableSchema } from '../../../shared/api/cost.ts';
import {
  type GaugeSeries,
  gaugeSeriesSchema,
  gaugesQuerySchema,
  histogramQuerySchema,
  histogramSchema,
  hostGaugeNames,
  metricsQuerySchema,
  metricsSchema,
} from '../../../shared/api/metrics.ts';
import { PlatformError } from '../../../shared/errors.ts';
import { actorOf, functionNameIn, shownProject } from '../caller.ts';
import type { ApiContext } from '../context.ts';
import { type Api, bearerOnly, problems, textResponse } from '../route-docs.ts';

type MetricsQuery = z.infer<typeof metricsQuerySchema>;

const docs = { tags: ['metrics'], security: bearerOnly };
const defaultRangeMs = 3_600_000;
const maxPoints = 10_000;
/** Each has a number per bucket. */
const maxHistogramPoints = 720;

/** [from, to) in ms since 1970; the last hour where nothing is said. */
function rangeOf(query: { readonly from?: string | undefined; readonly to?: string | undefined }, now: number) {
  const to = query.to === undefined ? now : Date.parse(query.to);
  const from = query.from === undefined ? to - defaultRangeMs : Date.parse(query.from);
  if (from >= to) throw new PlatformError('invalid_request', 'bad_range', '`from` must be before `to`');
  return { from, to };
}

/** The same for a chart, whose steps are not without number. */
function stepsOf(
  query: Parameters<typeof rangeOf>[0] & { readonly stepMs?: number | undefined },
  now: number,
  most = maxPoints,
) {
  const { from, to } = rangeOf(query, now);
  const { stepMs } = query;
  if (stepMs !== undefined && (to - from) / stepMs > most) {
    const message = `that would be more than ${most} points; take a longer stepMs or a shorter range`;
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
  /** Whose numbers are asked for. Throws `not_found`/`function_not_found`. */
  const subjectOf = (request: FastifyRequest, { function: name, version }: Omit<MetricsQuery, 'from' | 'to'>) => {
    const { directory } = context.controlPlane;
    const functionId = name === undefined ? undefined : directory.get(functionNameIn(request, name)).record.id;
    const project = shownProject(request);
    const functionIds = project === undefined ? undefined : directory.entriesOf(project).map(({ record }) => record.id);
    return { functionId, functionIds, version };
  };

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
      const steps = stepsOf(request.query, context.clock.now());
      return context.metrics.series({ ...subjectOf(request, request.query), ...steps });
    },
  });

  app.route({
    method: 'GET',
    url: '/metrics/histogram',
    config: { access: 'read' },
    schema: {
      ...docs,
      operationId: 'queryHistogram',
      summary: 'How many calls took how long, over time',
      description:
        'From the same sketches as the percentiles of `/metrics`, for the same functions. Buckets are a half wider than the one below; a value may be one per cent off at an edge.',
      querystring: histogramQuerySchema,
      response: { 200: histogramSchema, ...problems(404) },
    },
    handler: async (request) => {
      const steps = stepsOf(request.query, context.clock.now(), maxHistogramPoints);
      return context.metrics.histogram({ ...subjectOf(request, request.query), ...steps }, request.query.of);
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
