import { type Selectable, sql } from 'kysely';
import type { FunctionId } from '../../../shared/ids.ts';
import type { AliasMoveRecord, AliasStore } from '../../core/ports/alias-store.ts';
import type { AliasRecord, Page, PageRequest } from '../../core/ports/store.ts';
import type { AliasMoveRow } from '../alias-tables.ts';
import { fromJson } from '../columns.ts';
import { decodeCursor, encodeCursor, pageOf } from '../cursor.ts';
import type { SqlSession } from '../sql-session.ts';
import type { AliasRow } from '../tables.ts';
import { etagMismatch } from './functions.ts';

/** Tables `aliases` and `alias_moves`. */
export class AliasModel implements AliasStore {
  readonly #session: SqlSession;

  constructor(options: { readonly session: SqlSession }) {
    this.#session = options.session;
  }

  async put(record: Omit<AliasRecord, 'revision'>, expectedRevision: number | undefined): Promise<AliasRecord> {
    const versions = JSON.stringify(record.versions);
    const canary = lastMoveOf(record);
    if (expectedRevision !== undefined) {
      const updated = await this.#session.db
        .updateTable('aliases')
        .set({ versions, canary, updated_at: record.updatedAt, revision: sql`revision + 1` })
        .where('function_id', '=', record.functionId)
        .where('name', '=', record.name)
        .where('revision', '=', expectedRevision)
        .returningAll()
        .executeTakeFirst();
      if (updated === undefined) throw etagMismatch('alias');
      return toRecord(updated);
    }
    const row = await this.#session.db
      .insertInto('aliases')
      .values({
        function_id: record.functionId,
        name: record.name,
        versions,
        canary,
        updated_at: record.updatedAt,
        revision: 1,
      })
      .onConflict((on) =>
        on
          .columns(['function_id', 'name'])
          .doUpdateSet({ versions, canary, updated_at: record.updatedAt, revision: sql`aliases.revision + 1` }),
      )
      .returningAll()
      .executeTakeFirstOrThrow();
    return toRecord(row);
  }

  async find(functionId: FunctionId, name: string): Promise<AliasRecord | undefined> {
    const row = await this.#session.db
      .selectFrom('aliases')
      .selectAll()
      .where('function_id', '=', functionId)
      .where('name', '=', name)
      .executeTakeFirst();
    return row && toRecord(row);
  }

  async list(functionId: FunctionId): Promise<readonly AliasRecord[]> {
    const rows = await this.#session.db
      .selectFrom('aliases')
      .selectAll()
      .where('function_id', '=', functionId)
      .orderBy('name')
      .execute();
    return rows.map(toRecord);
  }

  async all(): Promise<readonly AliasRecord[]> {
    const rows = await this.#session.db
      .selectFrom('aliases')
      .selectAll()
      .orderBy('function_id')
      .orderBy('name')
      .execute();
    return rows.map(toRecord);
  }

  async remove(functionId: FunctionId, name: string): Promise<boolean> {
    const row = await this.#session.db
      .deleteFrom('aliases')
      .where('function_id', '=', functionId)
      .where('name', '=', name)
      .returning('name')
      .executeTakeFirst();
    return row !== undefined;
  }

  async noteMove({ functionId, alias, kind, before, after, by, reason, at }: AliasMoveRecord): Promise<void> {
    const versions = { versions_before: JSON.stringify(before), versions_after: JSON.stringify(after) };
    await this.#session.db
      .insertInto('alias_moves')
      .values({ function_id: functionId, alias, kind, ...versions, moved_by: by, reason, at })
      .execute();
  }

  async moves(
    functionId: FunctionId,
    alias: string | undefined,
    page: PageRequest,
  ): Promise<Page<AliasMoveRecord & { readonly seq: number }>> {
    const key = decodeCursor('alias-moves', ['n'], page.cursor);
    let query = this.#session.db
      .selectFrom('alias_moves')
      .selectAll()
      .where('function_id', '=', functionId)
      .orderBy('seq', 'desc')
      .limit(page.limit + 1);
    if (alias !== undefined) query = query.where('alias', '=', alias);
    if (key !== undefined) query = query.where('seq', '<', Number(key[0]));
    return pageOf(await query.execute(), page.limit, toMove, (row) => encodeCursor('alias-moves', [row.seq]));
  }
}

function toMove(row: Selectable<AliasMoveRow>): AliasMoveRecord & { readonly seq: number } {
  return {
    seq: row.seq,
    functionId: row.function_id,
    alias: row.alias,
    kind: row.kind,
    before: fromJson<AliasRecord['versions']>(row.versions_before),
    after: fromJson<AliasRecord['versions']>(row.versions_after),
    by: row.moved_by,
    reason: row.reason,
    at: row.at,
  };
}

/** What is kept of the last move, in the column `canary`, which had its guard alone at first. */
interface LastMove {
  readonly guard?: AliasRecord['canary'];
  readonly aborted?: AliasRecord['aborted'];
  readonly message?: AliasRecord['message'];
}

function lastMoveOf({ canary: guard, aborted, message }: Omit<AliasRecord, 'revision'>): string | null {
  const isPlain = guard === undefined && aborted === undefined && message === undefined;
  return isPlain ? null : JSON.stringify({ guard, aborted, message });
}

function toRecord(row: AliasRow): AliasRecord {
  const { guard, aborted, message }: LastMove = row.canary === null ? {} : fromJson<LastMove>(row.canary);
  return {
    functionId: row.function_id,
    name: row.name,
    versions: fromJson<AliasRecord['versions']>(row.versions),
    updatedAt: row.updated_at,
    revision: row.revision,
    ...(guard === undefined ? {} : { canary: guard }),
    ...(aborted === undefined ? {} : { aborted }),
    ...(message === undefined ? {} : { message }),
  };
}
