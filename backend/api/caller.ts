import type { FastifyRequest } from 'fastify';
import { type Client, clientHeader, clients } from '../../shared/build-states.ts';
import { PlatformError } from '../../shared/errors.ts';
import type { SessionId } from '../../shared/ids.ts';
import { fullNameOf } from '../../shared/names.ts';
import type { Access } from '../../shared/permissions.ts';
import type { Actor } from '../control-plane/audit.ts';
import type { UserRecord } from '../core/ports/user-store.ts';

/** Who sent a request, and in which project it is to be understood. */
export interface Caller {
  readonly kind: 'token' | 'user';
  readonly id: string;
  readonly name: string;
  /** Of the token, or of the user in this project; shown by `whoami`. */
  readonly role: string;
  /** The project of the request; undefined only on routes that need none. */
  readonly project: string | undefined;
  /** The request said so itself, in `Hearth-Project`. */
  readonly isProjectNamed: boolean;
  /** May see every project. */
  readonly isPlatformWide: boolean;
  /** Whether the caller may know of this project. */
  readonly sees: (project: string) => boolean;
  /** In this project. */
  readonly access: ReadonlySet<Access>;
  /** Of a user who signed in. */
  readonly session: { readonly id: SessionId; readonly user: UserRecord } | undefined;
}

/** Only behind `authenticate`. */
export function callerOf(request: FastifyRequest): Caller {
  if (request.caller !== undefined) return request.caller;
  throw new PlatformError('internal', 'actor_missing', 'a route without authentication has no caller');
}

/** The project in which the request is to be understood. */
export function projectOfRequest(request: FastifyRequest): string {
  const { project } = callerOf(request);
  if (project !== undefined) return project;
  throw new PlatformError('internal', 'project_missing', 'this route was not given a project');
}

/** The full name of a function that the request names. What is no name is answered as what is not there. */
export function functionNameIn(request: FastifyRequest, name: string): string {
  const fullName = fullNameOf(projectOfRequest(request), name);
  if (fullName !== undefined) return fullName;
  const shown = JSON.stringify(name.slice(0, 64));
  throw new PlatformError('not_found', 'function_not_found', `there is no function ${shown}`);
}

/** What lists show: a project, or (undefined) everything to callers who may see it and name no project. */
export function shownProject(request: FastifyRequest): string | undefined {
  const { project, isPlatformWide, isProjectNamed } = callerOf(request);
  return isPlatformWide && !isProjectNamed ? undefined : project;
}

/** What sent a request, as far as it said so. */
export function clientOf({ headers }: FastifyRequest): Client {
  return clients.find((client) => client === headers[clientHeader]) ?? 'api';
}

/** Who is calling, for the audit trail. */
export function actorOf(request: FastifyRequest): Actor {
  const { id, name, project } = callerOf(request);
  return { id, name, address: request.ip, project };
}
