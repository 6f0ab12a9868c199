import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { CreateToken } from '../../shared/api/system.ts';
import { PlatformError } from '../../shared/errors.ts';
import { newId } from '../../shared/ids.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { Store, TokenRecord } from '../core/ports/store.ts';
import { ChangeLock } from '../util/change-lock.ts';
import { type Actor, auditRecord } from './audit.ts';

export interface TokensOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How often the last use of a token is written. 60,000 when left out. */
  readonly touchIntervalMs?: number;
}

const secretPrefix = 'hearth_';

/** A new secret: 256 random bits, with a prefix that secret scanners can look for. */
export function newSecret(): string {
  return secretPrefix + randomBytes(32).toString('base64url');
}

/** Lower-case hex SHA-256. A plain hash is enough: a secret of 256 random bits cannot be guessed. */
export function hashSecret(secret: string): string {
  return createHash('sha256').update(secret, 'utf8').digest('hex');
}

const isOver = ({ expiresAt }: TokenRecord, now: number) => expiresAt !== undefined && expiresAt <= now;

interface IndexedToken {
  readonly record: TokenRecord;
  readonly digest: Buffer;
  lastUsedAt: number | undefined;
  writtenAt: number;
}

/** Bearer tokens: hashed at rest, in memory by hash, so that a call costs no read of the database. */
export class Tokens {
  readonly #options: TokensOptions;
  readonly #byHash = new Map<string, IndexedToken>();
  readonly #lock = new ChangeLock();
  readonly #touches = new Set<Promise<void>>();

  constructor(options: TokensOptions) {
    this.#options = options;
  }

  /** Reads all tokens from the store; again after `ensureAdminToken`. */
  async load(): Promise<void> {
    const records = await this.#options.store.tokens.all();
    this.#byHash.clear();
    for (const record of records) this.#index(record);
  }

  /** The token of this secret, or undefined when there is none or it has expired. */
  authenticate(secret: string): TokenRecord | undefined {
    const token = this.#find(secret);
    const now = this.#options.clock.now();
    if (token === undefined || isOver(token.record, now)) return undefined;
    this.#touch(token, now);
    return token.record;
  }

  /** There is a token of this secret, whose time is over. */
  hasExpired(secret: string): boolean {
    const token = this.#find(secret);
    return token !== undefined && isOver(token.record, this.#options.clock.now());
  }

  /** Those of a project, or all, oldest first. */
  list(project: string | undefined): readonly TokenRecord[] {
    const records = [...this.#byHash.values()].map(({ record, lastUsedAt }) => ({ ...record, lastUsedAt }));
    return records
      .filter((record) => project === undefined || record.project === project)
      .sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
  }

  /** The secret is in the answer and nowhere else. */
  async create(
    input: CreateToken,
    project: string | undefined,
    actor: Actor,
  ): Promise<{ readonly record: TokenRecord; readonly secret: string }> {
    const { store, clock } = this.#options;
    const secret = newSecret();
    const now = clock.now();
    const record: TokenRecord = {
      id: newId('token'),
      name: input.name,
      scope: input.scope ?? 'admin',
      project,
      hash: hashSecret(secret),
      createdAt: now,
      expiresAt: input.expiresInSeconds === undefined ? undefined : now + input.expiresInSeconds * 1000,
      lastUsedAt: undefined,
    };
    await store.transaction(async (tx) => {
      await tx.tokens.create(record);
      const after = { name: record.name, scope: record.scope, expiresAt: record.expiresAt ?? null };
      await tx.audit.append(auditRecord(now, actor, 'token.create', record.id, { after }));
    });
    this.#index(record);
    return { record, secret };
  }

  /** Ends a token, if given of this project, at once. Rejects with `not_found`/`token_not_found`, or `conflict`/`last_admin_token`. */
  async revoke(id: string, project: string | undefined, actor: Actor): Promise<void> {
    const { store, clock } = this.#options;
    await this.#lock.run(async () => {
      const token = [...this.#byHash.values()].find(({ record }) => record.id === id)?.record;
      if (token === undefined || (project !== undefined && token.project !== project))
        throw new PlatformError('not_found', 'token_not_found', 'there is no such token');
      const isAdmin = token.scope === 'admin' && token.project === undefined;
      if (isAdmin && !this.#hasOtherAdmin(token)) {
        throw new PlatformError(
          'conflict',
          'last_admin_token',
          'this is the last admin token without an expiry; create another one first',
        );
      }
      const before = { name: token.name, scope: token.scope };
      await store.transaction(async (tx) => {
        await tx.tokens.remove(token.id);
        await tx.testEvents.removeOwned(token.id);
        await tx.audit.append(auditRecord(clock.now(), actor, 'token.delete', token.id, { before }));
      });
      this.#byHash.delete(token.hash);
    });
  }

  /** The project was deleted, and its tokens with it. */
  forgetProject(project: string): void {
    for (const [hash, { record }] of this.#byHash) if (record.project === project) this.#byHash.delete(hash);
  }

  /** Resolves when uses that are being written are on disk. */
  async settled(): Promise<void> {
    await Promise.all(this.#touches);
  }

  #find(secret: string): IndexedToken | undefined {
    const hash = hashSecret(secret);
    const token = this.#byHash.get(hash);
    return token !== undefined && timingSafeEqual(token.digest, Buffer.from(hash, 'hex')) ? token : undefined;
  }

  #hasOtherAdmin(token: TokenRecord): boolean {
    return [...this.#byHash.values()].some(
      ({ record }) =>
        record.id !== token.id &&
        record.scope === 'admin' &&
        record.project === undefined &&
        record.expiresAt === undefined,
    );
  }

  #index(record: TokenRecord): void {
    this.#byHash.set(record.hash, {
      record,
      digest: Buffer.from(record.hash, 'hex'),
      lastUsedAt: record.lastUsedAt,
      writtenAt: record.lastUsedAt ?? 0,
    });
  }

  /** Remembers the use now and writes it now and then: a call must not wait for a write. */
  #touch(token: IndexedToken, now: number): void {
    token.lastUsedAt = now;
    if (now - token.writtenAt < (this.#options.touchIntervalMs ?? 60_000)) return;
    token.writtenAt = now;
    const write = this.#options.store.tokens
      .touch(token.record.id, now)
      .catch((error: unknown) => {
        this.#options.logger.warn({ err: error, tokenId: token.record.id }, 'could not write the last use of a token');
      })
      .finally(() => this.#touches.delete(write));
    this.#touches.add(write);
  }
}
