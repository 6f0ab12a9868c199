import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { nameSchema, problemSchema } from '../../shared/api/paging.ts';

/** Fastify with schemas in zod. */
export type Api = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;

const descriptions: Readonly<Record<number, string>> = {
  400: 'The input is wrong; `errors` says where.',
  401: 'The token is missing or wrong.',
  403: 'The token may not do this.',
  404: 'There is no such thing.',
  409: 'It contradicts what is there.',
  412: '`If-Match` names another state.',
  413: 'The body is too large.',
  415: 'The content type is not understood.',
  422: 'It is well formed, but this host cannot do it.',
  429: 'Too many; `Retry-After` says when to try again.',
  500: 'A fault of ours.',
  502: 'The function failed.',
  503: 'Not now; `Retry-After` says when to try again.',
  504: 'The function did not answer in time.',
  508: 'Functions call one another without end.',
};

type ProblemResponse = {
  readonly description: string;
  readonly content: { readonly 'application/problem+json': { readonly schema: typeof problemSchema } };
};

/** Problem responses of a route: those that every route can have, and `more`. */
export function problems<const Status extends number = never>(
  ...more: readonly Status[]
): Record<Status | 400 | 401 | 403 | 429 | 500 | 503, ProblemResponse> {
  const statuses = [400, 401, 403, 429, 500, 503, ...more] as const;
  return Object.fromEntries(
    statuses.map((status) => [
      status,
      {
        description: descriptions[status] ?? 'Error',
        content: { 'application/problem+json': { schema: problemSchema } },
      },
    ]),
  ) as Record<Status | 400 | 401 | 403 | 429 | 500 | 503, ProblemResponse>;
}

/** A response without a body. */
export const noContent = z.undefined().describe('Done.');
/** A response that is not JSON. */
export const textResponse = (contentType: string, description: string) => ({
  description,
  content: { [contentType]: { schema: z.string() } },
});

export const nameParams = z.object({ name: nameSchema });
export const idParams = z.object({ id: z.string().min(1).max(64) });
export const versionNumber = z.coerce.number().int().min(1).max(2_147_483_647);
export const ifMatchHeaders = z.object({
  'if-match': z.string().max(100).optional().describe('The ETag that was read; 412 when it is another one now.'),
});
/** Every route below /api/v1 needs a token. */
export const bearerOnly: readonly { readonly bearer: string[] }[] = [{ bearer: [] }];
