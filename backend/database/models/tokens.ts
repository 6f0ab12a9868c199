import type { TokenId } from '../../../shared/ids.ts';
import type { TokenRecord, TokenStore } from '../../core/ports/store.ts';
import type { SqlSession } from '../sql-session.ts';
import type { TokenRow } from '../tables.ts';

/** Table `tokens`. */
export class TokenModel implements TokenStore {
  readonly #session: SqlSession;

  constructor(options: { readonly session: SqlSession }) {
    this.#session = options.session;
  }

  async create(record: TokenRecord): Promise<void> {
    await this.#session.db.insertInto('tokens').values(toRow(record)).execute();
  }

  async all(): Promise<readonly TokenRecord[]> {
    const rows = await this.#session.db.selectFrom('tokens').selectAll().orderBy('created_at').orderBy('id').execute();
    return rows.map(toRecord);
  }

  /** A use that is older than the one noted changes nothing. */
  async touch(id: TokenId, at: number): Promise<void> {
    await this.#session.db
      .updateTable('tokens')
      .set({ last_used_at: at })
      .where('id', '=', id)
      .where(({ or, eb }) => or([eb('last_used_at', 'is', null), eb('last_used_at', '<', at)]))
      .execute();
  }

  async remove(id: TokenId): Promise<boolean> {
    const row = await this.#session.db.deleteFrom('tokens').where('id', '=', id).returning('id').executeTakeFirst();
    return row !== undefined;
  }
}

function toRow(record: TokenRecord): TokenRow {
  return {
    id: record.id,
    name: record.name,
    scope: record.scope,
    hash: record.hash,
    project: record.project ?? null,
    created_at: record.createdAt,
    expires_at: record.expiresAt ?? null,
    last_used_at: record.lastUsedAt ?? null,
  };
}

function toRecord(row: TokenRow): TokenRecord {
  return {
    id: row.id,
    name: row.name,
    scope: row.scope,
    hash: row.hash,
    project: row.project ?? undefined,
    createdAt: row.created_at,
    expiresAt: row.expires_at ?? undefined,
    lastUsedAt: row.last_used_at ?? undefined,
  };
}
