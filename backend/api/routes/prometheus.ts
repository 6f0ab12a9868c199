import type { FastifyRequest } from 'fastify';
import { PlatformError } from '../../../shared/errors.ts';
import type { Authenticator } from '../auth.ts';
import { callerOf } from '../caller.ts';
import { type Api, problems, textResponse } from '../route-docs.ts';

export interface PrometheusRouteOptions {
  readonly prometheus: () => Promise<{ readonly contentType: string; readonly body: string }>;
  /** True when only this machine can reach the listener: then who asks for it by a name of this machine needs no token. */
  readonly isOpen: boolean;
  readonly authenticator: Authenticator;
}

/** `/metrics` for Prometheus. */
export function prometheusRoute(app: Api, options: PrometheusRouteOptions): void {
  app.route({
    method: 'GET',
    url: '/metrics',
    onRequest: async (request) => {
      if (options.isOpen && isForThisMachine(request)) return;
      options.authenticator.authenticate(request, 'read');
      // The page names the functions of every project.
      if (callerOf(request).isPlatformWide) return;
      throw new PlatformError(
        'forbidden',
        'scope_missing',
        'this page shows all projects; use a token that is good for all',
      );
    },
    schema: {
      tags: ['metrics'],
      security: [{}, { bearer: [] }],
      operationId: 'getPrometheusMetrics',
      summary: 'Prometheus exposition; needs a token for all projects unless the platform listens on loopback only',
      response: { 200: textResponse('text/plain', 'Text format.'), ...problems() },
    },
    handler: async (_request, reply) => {
      const { contentType, body } = await options.prometheus();
      return reply.header('content-type', contentType).send(body as never);
    },
  });
}

/**
 * Asked by a name that is this machine's own, and by nobody in between. A page of another site, whose name was made to lead here (DNS rebinding),
 * asks by that name: to the browser it is the page's own origin, and the answer could be read. Its script cannot choose `Host`, but it can send
 * X-Forwarded-Host, which takes the place of it for who trusts a proxy; and what a proxy on this machine passes on comes from anywhere.
 */
function isForThisMachine({ headers }: FastifyRequest): boolean {
  if (passedOn.some((name) => headers[name] !== undefined)) return false;
  return /^(localhost|\[::1\]|127(\.\d{1,3}){3})(:\d{1,5})?$/i.test(headers.host ?? '');
}

/** What proxies add. */
const passedOn = ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-real-ip'] as const;
