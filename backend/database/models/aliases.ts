import { sql } from 'kysely';
import type { FunctionId } from '../../../shared/ids.ts';
import type { AliasRecord, AliasStore } from '../../core/ports/store.ts';
import { fromJson } from '../columns.ts';
import type { SqlSession } from '../sql-session.ts';
import type { AliasRow } from '../tables.ts';
import { etagMismatch } from './functions.ts';

/** Table `aliases`. */
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
