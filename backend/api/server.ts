import type { Socket } from 'node:net';
import multipart from '@fastify/multipart';
import fastify, {
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type FastifyTypeProviderDefault,
} from 'fastify';
import { validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import { PlatformError } from '../../shared/errors.ts';
import { isHost } from '../../shared/http-host.ts';
import { newId } from '../../shared/ids.ts';
import { limits, MiB } from '../../shared/limits.ts';
import { parseRoutePattern, splitPath } from '../../shared/route-pattern.ts';
import { RouteTrie } from '../../shared/route-trie.ts';
import type { ControlPlane } from '../control-plane/control-plane.ts';
import type { LogCounter, LogReader } from '../core/ports/log-sink.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { MetricsReader } from '../core/ports/metrics-reader.ts';
import type { MetricsSink } from '../core/ports/metrics-sink.ts';
import { AnsweredRequests } from '../util/answered-requests.ts';
import { limitBodyPauses } from '../util/body-pauses.ts';
import { Authenticator } from './auth.ts';
import { callerOf, clientOf } from './caller.ts';
import type { ApiContext, SystemFacts } from './context.ts';
import { mapError, rawTransportProblem, TransportError, titleOf } from './error-mapping.ts';
import { IdleConnections } from './idle-connections.ts';
import { parseJson } from './json-body.ts';
import { registerOpenApi } from './openapi.ts';
import { RequestLimit } from './request-limit.ts';
import type { Api } from './route-docs.ts';
import { accessRoutes } from './routes/access.ts';
import { alertRoutes } from './routes/alerts.ts';
import { auditRoutes } from './routes/audit.ts';
import { backupRoutes } from './routes/backups.ts';
import { buildRoutes } from './routes/builds.ts';
import { callDraftRoutes, draftRoutes } from './routes/drafts.ts';
import { egressRoutes } from './routes/egress.ts';
import { errorGroupRoutes } from './routes/error-groups.ts';
import { eventRoutes } from './routes/events.ts';
import { functionRoutes } from './routes/functions.ts';
import { healthRoutes } from './routes/health.ts';
import { deadLetterRoutes, invocationRoutes, invokeRoute } from './routes/invocations.ts';
import { logRoutes } from './routes/logs.ts';
import { metricsRoutes } from './routes/metrics.ts';
import { nextStepRoutes } from './routes/next-steps.ts';
import { projectRoutes } from './routes/projects.ts';
import { prometheusRoute } from './routes/prometheus.ts';
import { secretRoutes } from './routes/secrets.ts';
import { sessionRoutes } from './routes/sessions.ts';
import { systemRoutes } from './routes/system.ts';
import { testEventRoutes } from './routes/test-events.ts';
import { triggerRoutes } from './routes/triggers.ts';
import { memberRoutes, userRoutes } from './routes/users.ts';
import { aliasRoutes, versionRoutes } from './routes/versions.ts';
import { EventStreams, type EventStreamsOptions } from './sse.ts';
import { registerDashboard, registerDocs } from './static-files.ts';

export interface ApiServerOptions {
  readonly controlPlane: ControlPlane;
  readonly logs: LogReader & LogCounter;
  readonly metrics: MetricsReader;
  /** Takes calls that are refused before they are invocations. */
  readonly refusals: Pick<MetricsSink, 'record'>;
  readonly prometheus: () => Promise<{ readonly contentType: string; readonly body: string }>;
  readonly facts: SystemFacts;
  readonly logger: Logger;
  /** Existing directory for uploads while they are deployed. */
  readonly uploadDirectory: string;
  /** Built dashboard; left out or empty: none is served. */
  readonly dashboardDirectory?: string | undefined;
  /** Files of the package `swagger-ui-dist`; left out: no /docs. */
  readonly swaggerUiDirectory?: string | undefined;
  /** Only this machine can reach the listener: then /metrics needs no token. */
  readonly isLoopbackOnly: boolean;
  /** Believe X-Forwarded-For of a reverse proxy on a private address. False when left out. */
  readonly trustProxy?: boolean;
  /** JSON bodies, inline files included. 16 MiB when left out. */
  readonly maxJsonBytes?: number;
  /** Uploaded archives. The limit of unpacked bundles when left out. */
  readonly maxArchiveBytes?: number;
  /** Requests of one token or user per minute. 0, any number, when left out. */
  readonly maxRequestsPerMinute?: number;
  /** How event streams behave, where not as usual. */
  readonly streams?: Omit<EventStreamsOptions, 'clock' | 'isAllowed'>;
  /** How long nothing of a body may come. 30,000 ms when left out. */
  readonly maxBodyPauseMs?: number;
  readonly maxHeldResponseBytes?: number;
  readonly maxHeldResponseMs?: number;
}

/** Node's four time-outs, said out loud; the default for slow headers would be a minute, checked every 30 s. */
const timeouts = { headersMs: 10_000, requestMs: 300_000, keepAliveMs: 65_000, socketMs: 930_000, checkMs: 500 };

/** Answers of the API are data, never a page: nothing in them may run, even when a browser is made to open one. */
const dataPolicy = "default-src 'none'; frame-ancestors 'none'; sandbox";

/** The control API, the dashboard's files, and what monitors ask. Listens when the caller says so. */
export function createApiServer(options: ApiServerOptions): FastifyInstance {
  const app = fastify({
    genReqId: requestId,
    requestIdHeader: false,
    trustProxy: options.trustProxy === true ? ['loopback', 'linklocal', 'uniquelocal'] : false,
    bodyLimit: options.maxJsonBytes ?? 16 * MiB,
    connectionTimeout: timeouts.socketMs,
    requestTimeout: timeouts.requestMs,
    keepAliveTimeout: timeouts.keepAliveMs,
    http: { headersTimeout: timeouts.headersMs, connectionsCheckingInterval: timeouts.checkMs, maxHeaderSize: 16_384 },
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    routerOptions: { maxParamLength: 512, ignoreTrailingSlash: false },
    exposeHeadRoutes: true,
    schemaController: { compilersFactory: { buildValidator: () => unused, buildSerializer: () => unused } },
    clientErrorHandler: (error, socket) => {
      if (answered.mayAnswer(socket)) answerBadBytes(error, socket);
      else socket.destroy();
    },
    frameworkErrors: (error, request, reply) => sendProblem(options.logger, error, request, reply),
  });
  const answered = new AnsweredRequests(app.server);
  const { clock } = options.controlPlane;
  limitBodyPauses({ server: app.server, pauseMs: options.maxBodyPauseMs ?? 30_000, clock });
  const authenticator = new Authenticator(options.controlPlane);
  const streams = new EventStreams({
    clock,
    isAllowed: (request) => authenticator.isStillAllowed(request),
    ...options.streams,
  });
  const context: ApiContext = {
    controlPlane: options.controlPlane,
    logs: options.logs,
    metrics: options.metrics,
    refusals: options.refusals,
    facts: options.facts,
    streams,
    uploads: {
      directory: options.uploadDirectory,
      maxArchiveBytes: options.maxArchiveBytes ?? limits.maxBundleBytes,
      maxConfigBytes: 1 * MiB,
    },
    clock,
    logger: options.logger,
    maxHeldResponseBytes: options.maxHeldResponseBytes ?? 1 * MiB,
    maxHeldResponseMs: options.maxHeldResponseMs ?? 100,
  };
  prepare(app, options);
  const connections = new IdleConnections(app.server);
  app.addHook('preClose', async () => {
    streams.closeAll();
    connections.close();
  });
  const routes = async (root: FastifyInstance) =>
    registerRoutes(root.withTypeProvider<ZodTypeProvider>(), options, context, authenticator);
  // Without a scope of its own, as fastify-plugin does it: the OpenAPI generator belongs to the server as a whole.
  void app.register(Object.assign(routes, { [Symbol.for('skip-override')]: true }));
  return app;
}

/** A client's own id when it is harmless in headers and logs, else a new one. */
function requestId(request: { headers: Record<string, string | string[] | undefined> }): string {
  const given = request.headers['x-request-id'];
  if (typeof given === 'string' && /^[A-Za-z0-9._-]{8,64}$/.test(given)) return given;
  return `req_${newId('token').slice(4)}`;
}

/** In place of Fastify's own compilers, which would load two of JSON Schema that nothing uses: `prepare` sets others. */
const unused = (): never => {
  throw new Error('the API has compilers of its own');
};

/** What holds for every request: parsers, headers, errors. */
function prepare(app: FastifyInstance, options: ApiServerOptions): void {
  app.setValidatorCompiler(validatorCompiler);
  // Types keep responses in step with their schemas, and a test validates them; a stray field must not turn into a 500.
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'string' },
    async (_request: unknown, text: string | Buffer) => (text.length === 0 ? undefined : parseJson(String(text))),
  );
  app.decorateRequest('caller', undefined);
  app.decorateRequest('upload', undefined);
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id);
    reply.header('x-content-type-options', 'nosniff');
    reply.header('x-frame-options', 'DENY');
    reply.header('referrer-policy', 'no-referrer');
    reply.header('content-security-policy', dataPolicy);
    reply.header('cross-origin-resource-policy', 'same-origin');
    refuseStrangeHosts(request, reply);
  });
  app.addHook('onResponse', async (request) => request.upload?.discard());
  app.setErrorHandler((error, request, reply) => sendProblem(options.logger, error, request, reply));
}

/** Node takes two Host headers, of which a proxy in front may have routed by the other one, and any text in one. The connection ends. */
function refuseStrangeHosts(request: FastifyRequest, reply: FastifyReply): void {
  const { rawHeaders } = request.raw;
  let hosts = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) if (rawHeaders[i]?.toLowerCase() === 'host') hosts++;
  const { host } = request.headers;
  if (hosts <= 1 && (host === undefined || isHost(host))) return;
  void reply.header('connection', 'close');
  if (hosts > 1) throw new PlatformError('invalid_request', 'duplicate_host', 'there is more than one Host header');
  throw new PlatformError('invalid_request', 'bad_host', 'the Host header names no host');
}

function sendProblem(logger: Logger, error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { problem, headers, isBug } = mapError(error, request.id);
  if (isBug) {
    const { method, url } = request;
    logger.error({ err: error, requestId: request.id, method, url: url.slice(0, 500) }, 'a request failed');
  }
  reply.headers(headers);
  reply.header('x-request-id', request.id);
  reply.header('cache-control', 'no-store');
  return reply.code(problem.status).type('application/problem+json').send(problem);
}

/** Bytes that are no HTTP, or come too slowly. */
function answerBadBytes(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const { status, body } = rawTransportProblem(error.code);
  const head = [
    `HTTP/1.1 ${status} ${titleOf(status)}`,
    'content-type: application/problem+json',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

async function registerRoutes(
  app: Api,
  options: ApiServerOptions,
  context: ApiContext,
  authenticator: Authenticator,
): Promise<void> {
  const known = new RouteTrie<true>();
  app.addHook('onRoute', ({ method, url }) => {
    if (url.includes('*')) return;
    known.add(parseRoutePattern(url), [method].flat(), true);
  });
  const requestLimit = new RequestLimit({
    clock: context.clock,
    requestsPerMinute: options.maxRequestsPerMinute ?? 0,
  });
  const plain = app.withTypeProvider<FastifyTypeProviderDefault>();
  await registerOpenApi(plain, context.facts.version);
  await app.register(multipart, { throwFileSizeLimit: true });
  await app.register(
    async (scope) => registerApi(scope.withTypeProvider<ZodTypeProvider>(), context, authenticator, requestLimit),
    {
      prefix: '/api/v1',
    },
  );
  healthRoutes(app, context);
  prometheusRoute(app, { prometheus: options.prometheus, isOpen: options.isLoopbackOnly, authenticator });
  app.get('/openapi.json', { schema: { hide: true } }, (_request, reply) => {
    void reply.header('cache-control', 'no-cache').type('application/json').send(JSON.stringify(app.swagger()));
  });
  if (options.swaggerUiDirectory) await registerDocs(plain, options.swaggerUiDirectory);
  const page = options.dashboardDirectory ? await registerDashboard(plain, options.dashboardDirectory) : undefined;
  app.setNotFoundHandler((request, reply) => answerUnknown(known, page, request, reply));
}

async function registerApi(
  app: Api,
  context: ApiContext,
  authenticator: Authenticator,
  requestLimit: RequestLimit,
): Promise<void> {
  app.addHook('onRequest', async (request, reply) => {
    reply.header('cache-control', 'no-store');
    const { access } = request.routeOptions.config;
    if (access === undefined)
      throw new PlatformError('internal', 'access_missing', 'this route does not say who may call it');
    authenticator.authenticate(request, access);
    if (access === 'none') return;
    requestLimit.check(request, reply);
    const { project } = callerOf(request);
    if (project !== undefined && clientOf(request) === 'cli') context.controlPlane.firstUses.note(project, 'cli');
  });
  functionRoutes(app, context);
  versionRoutes(app, context);
  aliasRoutes(app, context);
  buildRoutes(app, context);
  draftRoutes(app, context);
  triggerRoutes(app, context);
  invocationRoutes(app, context);
  deadLetterRoutes(app, context);
  errorGroupRoutes(app, context);
  egressRoutes(app, context);
  logRoutes(app, context);
  metricsRoutes(app, context);
  eventRoutes(app, context);
  accessRoutes(app, context);
  auditRoutes(app, context);
  projectRoutes(app, context);
  alertRoutes(app, context);
  userRoutes(app, context);
  memberRoutes(app, context);
  sessionRoutes(app, context);
  secretRoutes(app, context);
  systemRoutes(app, context);
  backupRoutes(app, context);
  nextStepRoutes(app, context);
  for (const ofCalls of [testEventRoutes, invokeRoute, callDraftRoutes])
    await app.register(async (scope) => ofCalls(scope.withTypeProvider<ZodTypeProvider>(), context));
}

/** A path that exists with another method: 405, or its methods for OPTIONS. A page of the dashboard: the dashboard. Else 404. */
function answerUnknown(
  known: RouteTrie<true>,
  page: ((reply: FastifyReply) => FastifyReply) | undefined,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const path = request.url.split('?', 1)[0] ?? '/';
  const split = splitPath(path);
  const found = split === undefined ? undefined : known.match(request.method, split);
  if (found?.kind === 'method-not-allowed') {
    const allow = [...found.allow, 'OPTIONS'].join(', ');
    if (request.method === 'OPTIONS') return reply.code(204).header('allow', allow).send();
    throw new TransportError('method_not_allowed', `${request.method} is not possible here; ${allow} are`, { allow });
  }
  const isPage = request.method === 'GET' || request.method === 'HEAD';
  if (
    page !== undefined &&
    split !== undefined &&
    isPage &&
    !/^\/(api|docs)(\/|$)/.test(path) &&
    !/\.[a-z0-9]{1,8}$/i.test(path)
  ) {
    return page(reply);
  }
  throw new PlatformError(
    'not_found',
    'route_not_found',
    'there is nothing at this path; /openapi.json lists what there is',
  );
}
