import type { SessionId, UserId } from '../../../shared/ids.ts';
import type { SessionRecord, SessionStore } from '../../core/ports/user-store.ts';
import type { SqlSession } from '../sql-session.ts';
import { deleteInSteps } from './prune.ts';

/** Table `sessions`. */
export class SessionModel implements SessionStore {
  readonly #session: SqlSession;

  constructor(options: { readonly session: SqlSession }) {
    this.#session = options.session;
  }

  async create(record: SessionRecord): Promise<void> {
    await this.#session.db
      .insertInto('sessions')
      .values({
        id: record.id,
        user_id: record.userId,
        hash: record.hash,
        created_at: record.createdAt,
        expires_at: record.expiresAt,
        address: record.address,
      })
      .execute();
  }

  async all(): Promise<readonly SessionRecord[]> {
    const rows = await this.#session.db.selectFrom('sessions').selectAll().orderBy('id').execute();
    return rows.map((row) => ({
      id: row.id,
      userId: row.user_id,
      hash: row.hash,
      createdAt: row.created_at,
      expiresAt: row.expires_at,
      address: row.address,
    }));
  }

  async remove(id: SessionId): Promise<boolean> {
    const row = await this.#session.db.deleteFrom('sessions').where('id', '=', id).returning('id').executeTakeFirst();
    return row !== undefined;
  }

  async removeOf(userId: UserId, except: SessionId | undefined): Promise<void> {
    await this.#session.db
      .deleteFrom('sessions')
      .where('user_id', '=', userId)
      .where('id', '<>', except ?? ('' as SessionId))
      .execute();
  }

  prune(before: number): Promise<number> {
    return deleteInSteps((limit) =>
      this.#session.db
        .deleteFrom('sessions')
        .where(({ eb, selectFrom }) =>
          eb('id', 'in', selectFrom('sessions').select('id').where('expires_at', '<', before).limit(limit)),
        )
        .executeTakeFirstOrThrow(),
    );
  }
}
