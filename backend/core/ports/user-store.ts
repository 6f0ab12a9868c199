import type { SessionId, UserId } from '../../../shared/ids.ts';
import type { Role } from '../../../shared/roles.ts';

/** In all projects, those to come included. */
export const allProjects = '*';

export interface UserRecord {
  readonly id: UserId;
  /** What is typed at sign-in. */
  readonly name: string;
  /** PHC string of argon2id; undefined for who cannot sign in with a password. */
  readonly passwordHash: string | undefined;
  readonly isDisabled: boolean;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** Whom an OpenID Connect provider means by this user. */
  readonly identities: readonly { readonly issuer: string; readonly subject: string }[];
  /** `project` may be `allProjects`. */
  readonly roles: readonly { readonly project: string; readonly role: Role }[];
}
export interface UserStore {
  /** Rejects with `conflict` (`user_taken`, `identity_taken`). */
  create(record: UserRecord): Promise<void>;
  /** By name. */
  all(): Promise<readonly UserRecord[]>;
  /** Replaces what can change of a user: all but id, name and `createdAt`. */
  put(record: UserRecord): Promise<void>;
  /** With roles, identities and sessions. */
  remove(id: UserId): Promise<boolean>;
}

export interface SessionRecord {
  readonly id: SessionId;
  readonly userId: UserId;
  /** SHA-256 of the secret, lower-case hex. */
  readonly hash: string;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly address: string;
}
export interface SessionStore {
  create(record: SessionRecord): Promise<void>;
  all(): Promise<readonly SessionRecord[]>;
  remove(id: SessionId): Promise<boolean>;
  /** All of a user but `except`. */
  removeOf(userId: UserId, except: SessionId | undefined): Promise<void>;
  /** Those that ended before. */
  prune(before: number): Promise<number>;
}

/** Failed attempts to come in, counted since the first of them. */
export interface FailureWindow {
  readonly key: string;
  readonly failures: number;
  readonly startedAt: number;
}

/** Failed attempts to come in, counted in windows that begin with the first failure. On disk, so that a restart forgives nothing. */
export interface SignInFailureStore {
  /** Counts one more; a window that began more than `windowMs` ago begins anew. Concurrent calls each get their own count. */
  note(key: string, now: number, windowMs: number): Promise<{ readonly failures: number; readonly startedAt: number }>;
  /** Takes one back. */
  forgive(key: string): Promise<void>;
  clear(key: string): Promise<void>;
  /** Writes windows that were counted in memory, in place of those that are there. */
  put(windows: readonly FailureWindow[]): Promise<void>;
  /** Windows whose key begins with `prefix` that began at `since` or later, the newest first. */
  list(prefix: string, since: number, limit: number): Promise<readonly FailureWindow[]>;
  /** Removes windows that began before, of all keys or those that begin with `prefix`. */
  prune(before: number, prefix?: string): Promise<number>;
}
