import type { Role, TokenScope } from './roles.ts';

/**
 * What a route needs. This file is the one place that says which roles and scopes may do it, for the API and for the dashboard.
 * `none`: nothing, it is open to everybody. `any`: to be somebody. `invocations`: look at invocations and their logs. `read`: look
 * at everything of the project but tokens and the audit trail. `invoke`: call functions. `operate`: keep what is deployed running
 * (move aliases, replay, redrive). `deploy`: change functions. `admin`: tokens, members and audit trail of the project.
 * `platform`: the installation as a whole (users, projects, images).
 */
export type Access = 'any' | 'invocations' | 'read' | 'invoke' | 'operate' | 'deploy' | 'admin' | 'platform' | 'none';

const viewer: readonly Access[] = ['any', 'invocations', 'read'];
const operator: readonly Access[] = [...viewer, 'invoke', 'operate'];
const developer: readonly Access[] = [...operator, 'deploy'];
const owner: readonly Access[] = [...developer, 'admin'];

/** What each role may do in its project. Owners of all projects have `platform` as well. */
const ofRole: Readonly<Record<Role, ReadonlySet<Access>>> = {
  viewer: new Set(viewer),
  operator: new Set(operator),
  developer: new Set(developer),
  owner: new Set(owner),
};
const ofScope: Readonly<Record<TokenScope, ReadonlySet<Access>>> = {
  read: new Set(viewer),
  invoke: new Set(['any', 'invocations', 'invoke']),
  deploy: new Set(developer),
  admin: new Set(owner),
};
const wholePlatform: ReadonlySet<Access> = new Set([...owner, 'platform']);

/** `isPlatformWide`: the role is held in all projects. */
export function accessOfRole(role: Role, isPlatformWide: boolean): ReadonlySet<Access> {
  return role === 'owner' && isPlatformWide ? wholePlatform : ofRole[role];
}

/** `isPlatformWide`: the token is good in all projects. */
export function accessOfScope(scope: TokenScope, isPlatformWide: boolean): ReadonlySet<Access> {
  return scope === 'admin' && isPlatformWide ? wholePlatform : ofScope[scope];
}

/** The least that suffices, for messages and documents. */
export function rolesWith(access: Access): readonly string[] {
  if (access === 'platform') return ['owner of all projects'];
  return Object.entries(ofRole).flatMap(([role, accesses]) => (accesses.has(access) ? [role] : []));
}

export function scopesWith(access: Access): readonly string[] {
  if (access === 'platform') return ['admin for all projects'];
  return Object.entries(ofScope).flatMap(([scope, accesses]) => (accesses.has(access) ? [scope] : []));
}

/** Who is refused: what `GET whoami` tells of the caller. */
export interface RefusedCaller {
  readonly kind: 'token' | 'user';
  /** The scope of the token, or the role of the user in the project of the request; `none`: no role there. */
  readonly role: string;
  /** None: the user has no role in any project. */
  readonly project: string | null | undefined;
}

/** Why a caller who is known may not do what needs `access`, in words for people: the message of a refusal, and of what the dashboard does not offer. */
export function refusalText({ kind, role, project }: RefusedCaller, access: Access): string {
  if (kind === 'token') {
    return `a token with scope ${role} may not do this; it needs ${scopesWith(access).join(' or ')}`;
  }
  const needed =
    access === 'platform' ? 'the role owner in all projects' : `the role ${rolesWith(access)[0]} in this project`;
  const held = project == null ? 'you have no role in any project' : `you are ${role} here`;
  return `needs ${needed}; ${held}`;
}
