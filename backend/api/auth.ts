import type { FastifyRequest } from 'fastify';
import { PlatformError } from '../../shared/errors.ts';
import type { Actor } from '../control-plane/audit.ts';
import type { Tokens } from '../control-plane/tokens.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { TokenRecord } from '../core/ports/store.ts';

/**
 * What a route needs: `any` token; `read`: look at everything; `invocations`: look at invocations and their logs; `invoke`: call
 * functions; `deploy`: change everything but tokens; `admin`: tokens.
 */
export type Access = 'any' | 'read' | 'invocations' | 'invoke' | 'deploy' | 'admin';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Who may call the route; every route below /api/v1 says so. */
    access?: Access;
  }
  interface FastifyRequest {
    /** Set by `authenticate`. */
    token: TokenRecord | undefined;
  }
}

const granted: Readonly<Record<TokenRecord['scope'], ReadonlySet<Access>>> = {
  admin: new Set(['any', 'read', 'invocations', 'invoke', 'deploy', 'admin']),
  deploy: new Set(['any', 'read', 'invocations', 'invoke', 'deploy']),
  invoke: new Set(['any', 'invocations', 'invoke']),
  read: new Set(['any', 'read', 'invocations']),
};

export interface FailureLimiterOptions {
  readonly clock: Clock;
  /** Failed attempts per address and minute; more are answered 429. */
  readonly maxPerMinute: number;
  /** Addresses remembered; the oldest go first. 10,000 when left out. */
  readonly maxAddresses?: number;
}

/** An IPv6 client has 2^64 addresses of its own, so they count as one. */
function addressGroup(address: string): string {
  if (!address.includes(':') || address.startsWith('::ffff:')) return address;
  return address.split(':').slice(0, 4).join(':');
}

/** Counts failed attempts per address in windows of one minute, in bounded memory. */
export class FailureLimiter {
  readonly #options: FailureLimiterOptions;
  readonly #windows = new Map<string, { startedAt: number; failures: number }>();

  constructor(options: FailureLimiterOptions) {
    this.#options = options;
  }

  /** Notes a failure; returns the seconds to wait when there were too many, else undefined. */
  fail(address: string): number | undefined {
    const { clock, maxPerMinute, maxAddresses = 10_000 } = this.#options;
    const group = addressGroup(address);
    const now = clock.monotonic();
    let window = this.#windows.get(group);
    if (window === undefined || now - window.startedAt >= 60_000) {
      window = { startedAt: now, failures: 0 };
      this.#windows.delete(group);
      this.#windows.set(group, window);
      const [oldest] = this.#windows.keys();
      if (this.#windows.size > maxAddresses && oldest !== undefined) this.#windows.delete(oldest);
    }
    window.failures++;
    return window.failures > maxPerMinute ? Math.ceil((window.startedAt + 60_000 - now) / 1000) : undefined;
  }
}

const bearer = /^Bearer ([\x21-\x7e]{1,512})$/i;

export interface AuthenticatorOptions {
  readonly tokens: Tokens;
  readonly limiter: FailureLimiter;
}

/**
 * Bearer tokens. A wrong token counts against its address; a right one is always let in, so that an attacker behind the same
 * address cannot lock anybody out (a secret of 256 bits does not fall to guessing; the limit is against the noise).
 */
export class Authenticator {
  readonly #options: AuthenticatorOptions;

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
  }

  /** Throws `unauthenticated`, `throttled`/`too_many_failures` or `forbidden`/`scope_missing`. */
  authenticate(request: FastifyRequest, access: Access): void {
    const header = request.headers.authorization;
    if (header === undefined) {
      throw new PlatformError(
        'unauthenticated',
        'token_missing',
        'send a token: `Authorization: Bearer hearth_…`; the first one is in the file admin-token of the data directory',
      );
    }
    const secret = bearer.exec(header)?.[1];
    const token = secret === undefined ? undefined : this.#options.tokens.authenticate(secret);
    if (token === undefined) throw this.#refuse(request.ip);
    if (!granted[token.scope].has(access)) {
      throw new PlatformError(
        'forbidden',
        'scope_missing',
        `a token with scope ${token.scope} may not do this; it needs ${neededScopes(access)}`,
      );
    }
    request.token = token;
  }

  #refuse(address: string): PlatformError {
    const waitSeconds = this.#options.limiter.fail(address);
    if (waitSeconds === undefined) {
      return new PlatformError('unauthenticated', 'token_invalid', 'this token is unknown, expired or revoked');
    }
    return new PlatformError('throttled', 'too_many_failures', 'too many wrong tokens from this address', {
      retryAfterSeconds: waitSeconds,
    });
  }
}

function neededScopes(access: Access): string {
  const scopes = Object.entries(granted).filter(([, accesses]) => accesses.has(access));
  return scopes.map(([scope]) => scope).join(' or ');
}

/** Who is calling, for the audit trail. Only behind `authenticate`. */
export function actorOf(request: FastifyRequest): Actor {
  const { token } = request;
  if (token === undefined)
    throw new PlatformError('internal', 'actor_missing', 'a route without authentication has no actor');
  return { tokenId: token.id, name: token.name, address: request.ip };
}
