import type { FastifyReply, FastifyRequest } from 'fastify';
import { PlatformError } from '../../shared/errors.ts';
import type { Clock } from '../core/ports/clock.ts';
import { TokenBuckets } from '../util/token-buckets.ts';
import { callerOf } from './caller.ts';

export interface RequestLimitOptions {
  readonly clock: Clock;
  /** Of one token or user; 0: any number. */
  readonly requestsPerMinute: number;
}

const windowSeconds = 60;
const maxCallers = 10_000;

/** How often one token or user may ask the API. */
export class RequestLimit {
  readonly #options: RequestLimitOptions;
  readonly #buckets = new TokenBuckets(maxCallers);

  constructor(options: RequestLimitOptions) {
    this.#options = options;
  }

  /** Says in headers how much is left (draft-ietf-httpapi-ratelimit-headers-10). Throws `throttled`/`rate_limited`. */
  check(request: FastifyRequest, reply: FastifyReply): void {
    const { clock, requestsPerMinute } = this.#options;
    if (requestsPerMinute === 0) return;
    const { id } = callerOf(request);
    const state = this.#buckets.take(id, requestsPerMinute, windowSeconds * 1000, clock.monotonic());
    reply.header('ratelimit-policy', `"caller";q=${requestsPerMinute};w=${windowSeconds}`);
    reply.header('ratelimit', `"caller";r=${state.remaining};t=${state.waitSeconds}`);
    if (state.isAllowed) return;
    throw new PlatformError(
      'throttled',
      'rate_limited',
      'too many requests with this token; wait as Retry-After says',
      {
        retryAfterSeconds: state.waitSeconds,
      },
    );
  }
}
