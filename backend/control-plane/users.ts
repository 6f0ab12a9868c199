import type { CreateUser, UpdateUser } from '../../shared/api/access.ts';
import type { AuditAction } from '../../shared/audit-actions.ts';
import { PlatformError } from '../../shared/errors.ts';
import { newId, type UserId } from '../../shared/ids.ts';
import type { Role } from '../../shared/roles.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Store } from '../core/ports/store.ts';
import { allProjects, type UserRecord } from '../core/ports/user-store.ts';
import type { ChangeLock } from '../util/change-lock.ts';
import { hashPassword } from '../util/password-hash.ts';
import { type Actor, auditRecord } from './audit.ts';
import { projectNotFound } from './projects.ts';

export interface UsersOptions {
  readonly store: Store;
  readonly projects: { has(name: string): boolean };
  readonly lock: ChangeLock;
  readonly clock: Clock;
  /** All sessions of a user but `except` must end. */
  readonly onSignedOut: (id: UserId) => void;
}

/** People and their roles, in memory so that a request costs no read. The first ones are made with the admin token. */
export class Users {
  readonly #options: UsersOptions;
  readonly #byName = new Map<string, UserRecord>();
  readonly #byId = new Map<UserId, UserRecord>();

  constructor(options: UsersOptions) {
    this.#options = options;
  }

  async load(): Promise<void> {
    this.#byName.clear();
    this.#byId.clear();
    for (const record of await this.#options.store.users.all()) this.#index(record);
  }

  /** By name. */
  list(): readonly UserRecord[] {
    return [...this.#byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  find(name: string): UserRecord | undefined {
    return this.#byName.get(name);
  }

  byId(id: UserId): UserRecord | undefined {
    return this.#byId.get(id);
  }

  /** Throws `not_found`/`user_not_found`. */
  get(name: string): UserRecord {
    const user = this.#byName.get(name);
    if (user !== undefined) return user;
    throw new PlatformError('not_found', 'user_not_found', `there is no user ${JSON.stringify(name.slice(0, 127))}`);
  }

  /** Those who have a role in a project of their own accord; owners of all projects are not listed. */
  members(project: string): readonly { readonly name: string; readonly role: Role }[] {
    return this.list().flatMap(({ name, roles }) => {
      const role = roles.find((held) => held.project === project)?.role;
      return role === undefined ? [] : [{ name, role }];
    });
  }

  /** Rejects with `conflict` (`user_taken`, `identity_taken`), `not_found`/`project_not_found`. */
  async create(input: CreateUser, actor: Actor): Promise<UserRecord> {
    const { store, lock, clock } = this.#options;
    const roles = this.#checkRoles(input.roles ?? []);
    const passwordHash = await hashOf(input.name, input.password);
    return lock.run(async () => {
      const now = clock.now();
      const identities = input.identities ?? [];
      const record = { id: newId('user', now), name: input.name, passwordHash, isDisabled: false, identities, roles };
      const user: UserRecord = { ...record, createdAt: now, updatedAt: now };
      await store.transaction(async (tx) => {
        await tx.users.create(user);
        await tx.audit.append(auditRecord(now, actor, 'user.create', user.name, { after: audited(user) }));
      });
      this.#index(user);
      return user;
    });
  }

  /** Rejects with `conflict` (`last_owner`, `identity_taken`), `not_found` (`user_not_found`, `project_not_found`). */
  async update(name: string, input: UpdateUser, actor: Actor): Promise<UserRecord> {
    const passwordHash = await hashOf(name, input.password);
    const change = {
      ...(passwordHash === undefined ? {} : { passwordHash }),
      ...(input.isDisabled === undefined ? {} : { isDisabled: input.isDisabled }),
      ...(input.roles === undefined ? {} : { roles: this.#checkRoles(input.roles) }),
      ...(input.identities === undefined ? {} : { identities: input.identities }),
    };
    const isSignedOut = passwordHash !== undefined || input.isDisabled === true;
    return this.#change(name, () => change, 'user.update', actor, isSignedOut);
  }

  /** Gives a role in one project. Rejects with `not_found`/`user_not_found`, `conflict`/`last_owner`. */
  setRole(name: string, project: string, role: Role, actor: Actor): Promise<UserRecord> {
    const change = (user: UserRecord) => {
      if (role !== 'owner') this.#refuseWithoutOwnerOf(project, user);
      return { roles: [...except(user.roles, project), { project, role }] };
    };
    return this.#change(name, change, 'member.put', actor, false);
  }

  /** Takes the role in one project away. A user who has none there is answered as one who does not exist. Rejects with `conflict`/`last_owner`. */
  async removeMember(name: string, project: string, actor: Actor): Promise<UserRecord> {
    if (!this.members(project).some((member) => member.name === name)) {
      throw new PlatformError('not_found', 'member_not_found', `${name} has no role in this project`);
    }
    const change = (user: UserRecord) => {
      this.#refuseWithoutOwnerOf(project, user);
      return { roles: except(user.roles, project) };
    };
    return this.#change(name, change, 'member.delete', actor, false);
  }

  /** A user's own new password. */
  setPassword(name: string, passwordHash: string, actor: Actor): Promise<UserRecord> {
    return this.#change(name, () => ({ passwordHash }), 'user.password', actor, false);
  }

  /** Rejects with `conflict`/`last_owner`. */
  async remove(name: string, actor: Actor): Promise<void> {
    const { store, lock, clock, onSignedOut } = this.#options;
    await lock.run(async () => {
      const user = this.get(name);
      this.#refuseWithoutOwner(user, undefined);
      await store.transaction(async (tx) => {
        await tx.users.remove(user.id);
        await tx.testEvents.removeOwned(user.id);
        await tx.audit.append(auditRecord(clock.now(), actor, 'user.delete', name, { before: audited(user) }));
      });
      this.#byName.delete(name);
      this.#byId.delete(user.id);
      onSignedOut(user.id);
    });
  }

  /** The project was deleted, and the roles in it. */
  forgetProject(project: string): void {
    for (const user of this.#byName.values()) {
      if (!user.roles.some((held) => held.project === project)) continue;
      this.#index({ ...user, roles: user.roles.filter((held) => held.project !== project) });
    }
  }

  #change(
    name: string,
    changeOf: (before: UserRecord) => Partial<UserRecord>,
    action: AuditAction,
    actor: Actor,
    isSignedOut: boolean,
  ): Promise<UserRecord> {
    const { store, lock, clock, onSignedOut } = this.#options;
    return lock.run(async () => {
      const before = this.get(name);
      const now = clock.now();
      const after = { ...before, ...changeOf(before), updatedAt: now };
      this.#refuseWithoutOwner(before, after);
      await store.transaction(async (tx) => {
        await tx.users.put(after);
        if (isSignedOut) await tx.sessions.removeOf(before.id, undefined);
        const isPasswordNew = before.passwordHash !== after.passwordHash;
        const detail = {
          before: audited(before),
          after: audited(after),
          ...(isPasswordNew ? { password: 'new' } : {}),
        };
        await tx.audit.append(auditRecord(now, actor, action, name, detail));
      });
      this.#index(after);
      if (isSignedOut) onSignedOut(before.id);
      return after;
    });
  }

  /** Once there is somebody who owns everything, somebody does: the admin token may have been thrown away by then. */
  #refuseWithoutOwner(before: UserRecord, after: UserRecord | undefined): void {
    if (!ownsAll(before) || (after !== undefined && ownsAll(after))) return;
    if (this.list().some((user) => user.id !== before.id && ownsAll(user))) return;
    const message = `${before.name} is the last user who owns all projects; give that role to somebody else first`;
    throw new PlatformError('conflict', 'last_owner', message);
  }

  /** Members cannot lock themselves out of their project: its last owner stays one, until an owner of all projects takes the role away from the user. */
  #refuseWithoutOwnerOf(project: string, leaving: UserRecord): void {
    if (!ownsProject(leaving, project)) return;
    if (this.list().some((user) => user.id !== leaving.id && ownsProject(user, project))) return;
    const message = `${leaving.name} is the last owner of ${project}; make somebody else an owner first`;
    throw new PlatformError('conflict', 'last_owner', message);
  }

  #checkRoles(roles: NonNullable<CreateUser['roles']>): UserRecord['roles'] {
    const byProject = new Map<string, Role>();
    for (const { project, role } of roles) {
      if (project !== allProjects && !this.#options.projects.has(project)) throw projectNotFound(project);
      if (byProject.has(project)) {
        const message = `roles: ${project} is given twice; a user has one role in a project`;
        throw new PlatformError('invalid_request', 'duplicate_role', message);
      }
      byProject.set(project, role);
    }
    return [...byProject].map(([project, role]) => ({ project, role }));
  }

  #index(record: UserRecord): void {
    this.#byName.set(record.name, record);
    this.#byId.set(record.id, record);
  }
}

const except = (roles: UserRecord['roles'], project: string) => roles.filter((held) => held.project !== project);

/** A disabled user owns nothing. */
const ownsProject = ({ isDisabled, roles }: UserRecord, name: string) =>
  !isDisabled && roles.some(({ project, role }) => project === name && role === 'owner');
const ownsAll = (user: UserRecord) => ownsProject(user, allProjects);

/** Without what must never be read again. */
const audited = ({ isDisabled, roles, identities }: UserRecord) => ({ isDisabled, roles, identities });

/** Throws `invalid_request`/`weak_password`. */
export async function hashOf(name: string, password: string): Promise<string>;
export async function hashOf(name: string, password: string | undefined): Promise<string | undefined>;
export async function hashOf(name: string, password: string | undefined): Promise<string | undefined> {
  if (password === undefined) return undefined;
  if (password.toLowerCase().includes(name) && name.length > 3) {
    throw new PlatformError('invalid_request', 'weak_password', 'the password must not contain the name of the user');
  }
  return hashPassword(password);
}
