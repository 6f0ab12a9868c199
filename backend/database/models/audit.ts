import type { Selectable } from 'kysely';
import { refusedAuditActions } from '../../../shared/audit-actions.ts';
import type { AuditFilter, AuditRecord, AuditStore, AuditVerdict } from '../../core/ports/audit-store.ts';
import type { Page, PageRequest } from '../../core/ports/store.ts';
import { auditHash } from '../audit-chain.ts';
import { fromJsonOrNull } from '../columns.ts';
import { decodeCursor, encodeCursor, pageOf } from '../cursor.ts';
import type { SqlSession } from '../sql-session.ts';
import type { AuditRow } from '../tables.ts';

const verifiedAtOnce = 500;
/** Names of users have no such sign, and tokens are not named like ids. */
const actorId = /^(?:tok|usr)_[0-9a-z]{26}$/i;

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

  async list(page: PageRequest, filter: AuditFilter = {}): Promise<Page<AuditRecord>> {
    const key = decodeCursor('audit', ['n'], page.cursor);
    let query = this.#matching(filter)
      .orderBy('seq', 'desc')
      .limit(page.limit + 1);
    if (key !== undefined) query = query.where('seq', '<', Number(key[0]));
    return pageOf(await query.execute(), page.limit, toRecord, (row) => encodeCursor('audit', [row.seq]));
  }

  async oldest(page: PageRequest, filter: AuditFilter = {}): Promise<Page<AuditRecord>> {
    const key = decodeCursor('audit-oldest', ['n'], page.cursor);
    let query = this.#matching(filter)
      .orderBy('seq')
      .limit(page.limit + 1);
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

  #matching({ project, actor, action, resource, target, outcome, from, to }: AuditFilter) {
    const { db } = this.#session;
    const entries = db.selectFrom('audit');
    let query = entries.selectAll();
    if (project !== undefined) query = query.where('project', '=', project);
    if (actor !== undefined) query = query.where(actorId.test(actor) ? 'actor_id' : 'actor', '=', actor);
    if (action !== undefined) query = query.where('action', '=', action);
    if (resource !== undefined) query = query.where('resource', '=', resource);
    if (target !== undefined) query = query.where('target', '=', target);
    if (outcome !== undefined)
      query = query.where('action', outcome === 'refused' ? 'in' : 'not in', refusedAuditActions);
    // Entries are in the order in which they came, which is that of their times but for clocks that were set: the times say between which
    // numbers to look, and decide.
    if (from !== undefined) {
      const first = entries.select(({ fn }) => fn.min('seq').as('seq')).where('at', '>=', from);
      query = query.where('seq', '>=', first).where('at', '>=', from);
    }
    if (to !== undefined) {
      const last = entries.select(({ fn }) => fn.max('seq').as('seq')).where('at', '<', to);
      query = query.where('seq', '<=', last).where('at', '<', to);
    }
    return query;
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

function toRecord(row: Selectable<AuditRow>): AuditRecord {
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
