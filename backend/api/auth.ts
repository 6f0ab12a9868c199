import type { FastifyRequest } from 'fastify';
import { PlatformError } from '../../shared/errors.ts';
import { namePattern, type SessionId } from '../../shared/ids.ts';
import { defaultProject } from '../../shared/names.ts';
import { type Access, accessOfRole, accessOfScope, refusalText } from '../../shared/permissions.ts';
import { type Role, roles } from '../../shared/roles.ts';
import { type Projects, projectNotFound } from '../control-plane/projects.ts';
import type { Sessions } from '../control-plane/sessions.ts';
import type { TokenGuard } from '../control-plane/token-guard.ts';
import type { Tokens } from '../control-plane/tokens.ts';
import type { TokenRecord } from '../core/ports/store.ts';
import { allProjects, type UserRecord } from '../core/ports/user-store.ts';
import type { Caller } from './caller.ts';

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
  readonly sessions: Sessions;
  readonly projects: Projects;
  readonly tokenGuard: TokenGuard;
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
   * Throws `unauthenticated` (`token_missing`, `token_expired`, `token_invalid`), `throttled`/`too_many_failures`, `not_found`/`project_not_found` (also for projects that the
   * caller may not see) or `forbidden`/`scope_missing`.
   */
  authenticate(request: FastifyRequest, access: Access): void {
    if (access === 'none') return;
    const header = request.headers.authorization;
    if (header === undefined) {
      throw new PlatformError(
        'unauthenticated',
        'token_missing',
        'send a token: `Authorization: Bearer hearth_…`; the first one is in the file admin-token of the data directory',
      );
    }
    const secret = bearer.exec(header)?.[1] ?? '';
    const caller = this.#identify(secret, request);
    if (caller === undefined) throw this.#refuse(secret, request.ip);
    if (!caller.access.has(access)) throw missingAccess(caller, access);
    request.caller = caller;
  }

  /** Whether the caller of a request that was let in may still do it; what it may do now is in the request then. */
  isStillAllowed(request: FastifyRequest): boolean {
    const { access } = request.routeOptions.config;
    try {
      const caller = this.#identify(bearer.exec(request.headers.authorization ?? '')?.[1] ?? '', request);
      if (caller === undefined || access === undefined || !caller.access.has(access)) return false;
      request.caller = caller;
      return true;
    } catch {
      // Its project is gone, or is none of its projects any more.
      return false;
    }
  }

  #identify(secret: string, request: FastifyRequest): Caller | undefined {
    const { tokens, sessions } = this.#options;
    const token = tokens.authenticate(secret);
    if (token !== undefined) return this.#callerOfToken(token, this.#namedProject(request));
    const session = sessions.authenticate(secret);
    return session && this.#callerOfSession(session.record.id, session.user, this.#namedProject(request));
  }

  #callerOfSession(sessionId: SessionId, user: UserRecord, named: string | undefined): Caller {
    const roleIn = (project: string) => user.roles.find((held) => held.project === project)?.role;
    const everywhere = roleIn(allProjects);
    const sees = (project: string) => everywhere !== undefined || roleIn(project) !== undefined;
    if (named !== undefined && !sees(named)) throw projectNotFound(named);
    const own = user.roles.map(({ project }) => project).sort();
    const project = named ?? (sees(defaultProject) ? defaultProject : own[0]);
    const here = project === undefined ? undefined : roleIn(project);
    const access = new Set<Access>(['any']);
    if (everywhere !== undefined) for (const right of accessOfRole(everywhere, true)) access.add(right);
    if (here !== undefined) for (const right of accessOfRole(here, false)) access.add(right);
    return {
      kind: 'user',
      id: user.id,
      name: user.name,
      role: strongest(everywhere, here),
      project,
      isProjectNamed: named !== undefined,
      isPlatformWide: everywhere !== undefined,
      sees,
      access,
      session: { id: sessionId, user },
    };
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
      session: undefined,
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

  #refuse(secret: string, address: string): PlatformError {
    const { tokens, sessions, tokenGuard } = this.#options;
    // Only who has all of a token learns that: for a guess of 256 bits to hear it, it would have to be right. So it is no guess either, and not counted.
    if (tokens.hasExpired(secret) || sessions.hasExpired(secret)) {
      const message = 'this token has expired; make a new one, or sign in again';
      return new PlatformError('unauthenticated', 'token_expired', message);
    }
    const waitSeconds = tokenGuard.fail(address);
    if (waitSeconds === undefined) {
      return new PlatformError('unauthenticated', 'token_invalid', 'this token is unknown or was revoked');
    }
    return new PlatformError('throttled', 'too_many_failures', 'too many wrong tokens from this address', {
      retryAfterSeconds: waitSeconds,
    });
  }
}

const strongest = (...held: readonly (Role | undefined)[]) => roles.findLast((role) => held.includes(role)) ?? 'none';

/** The error of a caller who is known and may not do this. */
export function missingAccess(caller: Caller, access: Access): PlatformError {
  const code = caller.kind === 'user' ? 'role_missing' : 'scope_missing';
  return new PlatformError('forbidden', code, refusalText(caller, access));
}
