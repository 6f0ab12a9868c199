import type { Selectable } from 'kysely';
import type { AuditRecord, AuditStore, AuditVerdict, Page, PageRequest } from '../../core/ports/store.ts';
import { auditHash } from '../audit-chain.ts';
import { fromJsonOrNull } from '../columns.ts';
import { decodeCursor, encodeCursor, pageOf } from '../cursor.ts';
import type { SqlSession } from '../sql-session.ts';
import type { AuditRow } from '../tables.ts';

const verifiedAtOnce = 500;

/** Table `audit`, in the order of arrival, each entry chained to the one before; `audit_head` is the end of the chain. */
export class AuditModel implements AuditStore {
  readonly #session: SqlSession;

  constructor(options: { readonly session: SqlSession }) {
    this.#session = options.session;
  }

  async append(entry: AuditRecord): Promise<void> {
    const row = {
      id: entry.id,
      at: entry.at,
      project: entry.project ?? null,
      actor_id: entry.actorId,
      actor: entry.actor,
      action: entry.action,
      target: entry.target,
      detail: JSON.stringify(entry.detail ?? null),
      address: entry.address,
    };
    await this.#session.transaction(async ({ db }) => {
      const head = await db.selectFrom('audit_head').selectAll().where('id', '=', 1).executeTakeFirstOrThrow();
      const hash = auditHash(head.hash, row);
      await db
        .insertInto('audit')
        .values({ ...row, hash })
        .execute();
      await db
        .updateTable('audit_head')
        .set({ entries: head.entries + 1, hash })
        .where('id', '=', 1)
        .execute();
    });
  }

  async list(page: PageRequest, project?: string): Promise<Page<AuditRecord>> {
    const key = decodeCursor('audit', ['n'], page.cursor);
    let query = this.#session.db
      .selectFrom('audit')
      .selectAll()
      .orderBy('seq', 'desc')
      .limit(page.limit + 1);
    if (project !== undefined) query = query.where('project', '=', project);
    if (key !== undefined) query = query.where('seq', '<', Number(key[0]));
    return pageOf(await query.execute(), page.limit, toRecord, (row) => encodeCursor('audit', [row.seq]));
  }

  async oldest(page: PageRequest, project?: string): Promise<Page<AuditRecord>> {
    const key = decodeCursor('audit-oldest', ['n'], page.cursor);
    let query = this.#session.db
      .selectFrom('audit')
      .selectAll()
      .orderBy('seq')
      .limit(page.limit + 1);
    if (project !== undefined) query = query.where('project', '=', project);
    if (key !== undefined) query = query.where('seq', '>', Number(key[0]));
    return pageOf(await query.execute(), page.limit, toRecord, (row) => encodeCursor('audit-oldest', [row.seq]));
  }

  async verify(): Promise<AuditVerdict> {
    let hash = '';
    let entries = 0;
    let after = 0;
    for (;;) {
      const rows = await this.#after(after);
      for (const row of rows) {
        const expected = auditHash(hash, row);
        if (row.hash !== expected) {
          const reason = 'this entry, or the one before it, was changed, removed or put in';
          return { isIntact: false, entries, head: hash, brokenAt: row.id, reason };
        }
        hash = expected;
        entries++;
        after = row.seq;
      }
      if (rows.length > 0) continue;
      const head = await this.#session.db.selectFrom('audit_head').selectAll().executeTakeFirst();
      if (head?.entries === entries && head.hash === hash) {
        return { isIntact: true, entries, head: hash, brokenAt: undefined, reason: undefined };
      }
      // More than the end says, or nothing left to read up to it: unless entries came in between, which the next turn finds.
      if (head !== undefined && head.entries > entries && (await this.#after(after)).length > 0) continue;
      const reason = 'the newest entries are missing, or the end of the chain was changed';
      return { isIntact: false, entries, head: hash, brokenAt: undefined, reason };
    }
  }

  #after(seq: number): Promise<Selectable<AuditRow>[]> {
    return this.#session.db
      .selectFrom('audit')
      .selectAll()
      .where('seq', '>', seq)
      .orderBy('seq')
      .limit(verifiedAtOnce)
      .execute();
  }
}

function toRecord(row: Omit<AuditRow, 'seq'>): AuditRecord {
  return {
    id: row.id,
    at: row.at,
    project: row.project ?? undefined,
    actorId: row.actor_id,
    actor: row.actor,
    action: row.action,
    target: row.target,
    detail: fromJsonOrNull(row.detail) ?? null,
    address: row.address,
    hash: row.hash,
  };
}
