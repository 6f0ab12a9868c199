import { timingSafeEqual } from 'node:crypto';
import { PlatformError } from '../../shared/errors.ts';
import { newId, type SessionId, type UserId } from '../../shared/ids.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Store } from '../core/ports/store.ts';
import type { SessionRecord, UserRecord } from '../core/ports/user-store.ts';
import { verifyPassword } from '../util/password-hash.ts';
import { type Actor, auditRecord } from './audit.ts';
import type { SignInGuard } from './sign-in-guard.ts';
import { hashSecret, newSecret } from './tokens.ts';
import { hashOf, type Users } from './users.ts';

export interface SessionsOptions {
  readonly store: Store;
  readonly users: Users;
  readonly guard: SignInGuard;
  readonly clock: Clock;
  /** How long a session is good, whatever is done with it. */
  readonly lifeMs: number;
}

export interface SignedIn {
  readonly record: SessionRecord;
  readonly user: UserRecord;
  /** In this answer and nowhere else. */
  readonly secret: string;
}

/** Who signed in with a password has a session: a bearer token that ends by itself. In memory by hash, as tokens are. */
export class Sessions {
  readonly #options: SessionsOptions;
  readonly #byHash = new Map<string, { readonly record: SessionRecord; readonly digest: Buffer }>();

  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  async load(): Promise<void> {
    const { store, clock } = this.#options;
    await store.sessions.prune(clock.now());
    this.#byHash.clear();
    for (const record of await store.sessions.all()) this.#index(record);
  }

  /** The session of this secret and its user; undefined when there is none, it is over, or the user may not come in any more. */
  authenticate(secret: string): { readonly record: SessionRecord; readonly user: UserRecord } | undefined {
    const record = this.#find(secret);
    if (record === undefined || record.expiresAt <= this.#options.clock.now()) return undefined;
    const user = this.#options.users.byId(record.userId);
    return user === undefined || user.isDisabled ? undefined : { record, user };
  }

  /** There is a session of this secret, whose time is over; known for as long as nobody signs in. */
  hasExpired(secret: string): boolean {
    const record = this.#find(secret);
    return record !== undefined && record.expiresAt <= this.#options.clock.now();
  }

  /**
   * Rejects with `throttled`/`too_many_sign_ins`, or `unauthenticated`/`sign_in_failed`: the same, after the same time, for a
   * user who is not there, has no password or is disabled, and for a wrong password.
   */
  async signIn(name: string, password: string, address: string): Promise<SignedIn> {
    const { store, users, guard, clock, lifeMs } = this.#options;
    const user = users.find(name);
    const isRight = await guard.attempt(name, address, async () => {
      // In this order: the check is made for everybody, so that it takes the same time.
      const isPassword = await verifyPassword(user?.passwordHash, password);
      return isPassword && user?.isDisabled === false;
    });
    if (!isRight || user === undefined) {
      throw new PlatformError('unauthenticated', 'sign_in_failed', 'user or password is wrong');
    }
    const now = clock.now();
    const secret = newSecret();
    const record: SessionRecord = {
      id: newId('session', now),
      userId: user.id,
      hash: hashSecret(secret),
      createdAt: now,
      expiresAt: now + lifeMs,
      address,
    };
    const actor: Actor = { id: user.id, name: user.name, address, project: undefined };
    await store.transaction(async (tx) => {
      await tx.sessions.create(record);
      await tx.audit.append(auditRecord(now, actor, 'session.create', record.id));
    });
    this.#forgetOver(now);
    this.#index(record);
    return { record, user, secret };
  }

  /** Those of a user that are good still. */
  list(userId: UserId): readonly SessionRecord[] {
    const now = this.#options.clock.now();
    const own = [...this.#byHash.values()].map(({ record }) => record).filter((record) => record.userId === userId);
    return own.filter((record) => record.expiresAt > now);
  }

  /** Ends one session of a user at once. Rejects with `not_found`/`session_not_found`. */
  async end(id: string, userId: UserId, actor: Actor): Promise<void> {
    const { store, clock } = this.#options;
    const record = this.list(userId).find((session) => session.id === id);
    if (record === undefined) throw new PlatformError('not_found', 'session_not_found', 'there is no such session');
    await store.transaction(async (tx) => {
      await tx.sessions.remove(record.id);
      await tx.audit.append(auditRecord(clock.now(), actor, 'session.delete', record.id));
    });
    this.#byHash.delete(record.hash);
  }

  /** A user's own new password; all other sessions end. Rejects as `signIn` does, and with `invalid_request`/`weak_password`. */
  async changePassword(
    user: UserRecord,
    current: SessionId,
    before: string,
    after: string,
    actor: Actor,
  ): Promise<void> {
    const { store, users, guard } = this.#options;
    if (!(await guard.attempt(user.name, actor.address, () => verifyPassword(user.passwordHash, before)))) {
      throw new PlatformError('forbidden', 'password_wrong', 'the current password is wrong');
    }
    await users.setPassword(user.name, await hashOf(user.name, after), actor);
    await store.sessions.removeOf(user.id, current);
    this.forgetUser(user.id, current);
  }

  /** The sessions of a user have ended in the store. */
  forgetUser(userId: UserId, except?: SessionId): void {
    for (const [hash, { record }] of this.#byHash) {
      if (record.userId === userId && record.id !== except) this.#byHash.delete(hash);
    }
  }

  #find(secret: string): SessionRecord | undefined {
    const hash = hashSecret(secret);
    const session = this.#byHash.get(hash);
    return session !== undefined && timingSafeEqual(session.digest, Buffer.from(hash, 'hex'))
      ? session.record
      : undefined;
  }

  #forgetOver(now: number): void {
    for (const [hash, { record }] of this.#byHash) if (record.expiresAt <= now) this.#byHash.delete(hash);
  }

  #index(record: SessionRecord): void {
    this.#byHash.set(record.hash, { record, digest: Buffer.from(record.hash, 'hex') });
  }
}
