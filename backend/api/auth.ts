import type { FastifyRequest } from 'fastify';
import { PlatformError } from '../../shared/errors.ts';
import { namePattern } from '../../shared/ids.ts';
import { defaultProject } from '../../shared/names.ts';
import { type Access, accessOfScope, rolesWith, scopesWith } from '../control-plane/permissions.ts';
import { type Projects, projectNotFound } from '../control-plane/projects.ts';
import type { Tokens } from '../control-plane/tokens.ts';
import type { TokenRecord } from '../core/ports/store.ts';
import type { Caller } from './caller.ts';
import type { FailureLimiter } from './failure-limiter.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Who may call the route; every route below /api/v1 says so. */
    access?: Access;
  }
  interface FastifyRequest {
    /** Set by `authenticate`. */
    caller: Caller | undefined;
  }
}

const bearer = /^Bearer ([\x21-\x7e]{1,512})$/i;

export interface AuthenticatorOptions {
  readonly tokens: Tokens;
  readonly projects: Projects;
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

  /**
   * Throws `unauthenticated`, `throttled`/`too_many_failures`, `not_found`/`project_not_found` (also for projects that the
   * caller may not see) or `forbidden`/`scope_missing`.
   */
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
    const caller = this.#callerOfToken(token, this.#namedProject(request));
    if (!caller.access.has(access)) {
      throw new PlatformError(
        'forbidden',
        'scope_missing',
        `a token with scope ${caller.role} may not do this; it needs ${scopesWith(access).join(' or ')}, or the role ${rolesWith(access).join(' or ')}`,
      );
    }
    request.caller = caller;
  }

  #callerOfToken(token: TokenRecord, named: string | undefined): Caller {
    const project = named ?? token.project ?? defaultProject;
    if (token.project !== undefined && token.project !== project) throw projectNotFound(project);
    const isPlatformWide = token.project === undefined;
    return {
      kind: 'token',
      id: token.id,
      name: token.name,
      role: token.scope,
      project,
      isProjectNamed: named !== undefined,
      isPlatformWide,
      sees: (name) => isPlatformWide || name === token.project,
      access: accessOfScope(token.scope, isPlatformWide),
    };
  }

  /** From the header `Hearth-Project`. */
  #namedProject(request: FastifyRequest): string | undefined {
    const named = request.headers['hearth-project'];
    if (named === undefined) return undefined;
    const name = String(named);
    if (!namePattern.test(name) || !this.#options.projects.has(name)) throw projectNotFound(name);
    return name;
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
