import type { AuditRecord, AuditStore, Page, PageRequest } from '../../core/ports/store.ts';
import { fromJsonOrNull } from '../columns.ts';
import { decodeCursor, encodeCursor, pageOf } from '../cursor.ts';
import type { SqlSession } from '../sql-session.ts';
import type { AuditRow } from '../tables.ts';

/** Table `audit`, in the order of arrival. */
export class AuditModel implements AuditStore {
  readonly #session: SqlSession;

  constructor(options: { readonly session: SqlSession }) {
    this.#session = options.session;
  }

  async append(entry: AuditRecord): Promise<void> {
    const { detail, ...columns } = entry;
    await this.#session.db
      .insertInto('audit')
      .values({ ...columns, detail: JSON.stringify(detail ?? null) })
      .execute();
  }

  async list(page: PageRequest): Promise<Page<AuditRecord>> {
    const key = decodeCursor('audit', ['n'], page.cursor);
    let query = this.#session.db
      .selectFrom('audit')
      .selectAll()
      .orderBy('seq', 'desc')
      .limit(page.limit + 1);
    if (key !== undefined) query = query.where('seq', '<', Number(key[0]));
    return pageOf(await query.execute(), page.limit, toRecord, (row) => encodeCursor('audit', [row.seq]));
  }
}

function toRecord(row: Omit<AuditRow, 'seq'>): AuditRecord {
  return {
    id: row.id,
    at: row.at,
    actor: row.actor,
    action: row.action,
    target: row.target,
    detail: fromJsonOrNull(row.detail) ?? null,
    address: row.address,
  };
}
