import type { SecretRecord, SecretStore } from '../../core/ports/store.ts';
import { bufferOf } from '../columns.ts';
import type { SqlSession } from '../sql-session.ts';
import type { SecretRow } from '../tables.ts';

/** Table `secrets`. It sees sealed values only. */
export class SecretModel implements SecretStore {
  readonly #session: SqlSession;

  constructor(options: { readonly session: SqlSession }) {
    this.#session = options.session;
  }

  async put(record: SecretRecord): Promise<void> {
    const { created_at: _, ...change } = toRow(record);
    await this.#session.db
      .insertInto('secrets')
      .values(toRow(record))
      .onConflict((on) => on.columns(['project', 'name']).doUpdateSet(change))
      .execute();
  }

  async rewrap({ project, name, sealed, wrappedKey, keyId }: SecretRecord): Promise<boolean> {
    const row = await this.#session.db
      .updateTable('secrets')
      .set({ wrapped_key: wrappedKey, key_id: keyId })
      .where('project', '=', project)
      .where('name', '=', name)
      .where('sealed', '=', sealed)
      .returning('name')
      .executeTakeFirst();
    return row !== undefined;
  }

  async all(): Promise<readonly SecretRecord[]> {
    const rows = await this.#session.db.selectFrom('secrets').selectAll().orderBy('project').orderBy('name').execute();
    return rows.map(toRecord);
  }

  async remove(project: string, name: string): Promise<boolean> {
    const row = await this.#session.db
      .deleteFrom('secrets')
      .where('project', '=', project)
      .where('name', '=', name)
      .returning('name')
      .executeTakeFirst();
    return row !== undefined;
  }
}

function toRow(record: SecretRecord): SecretRow {
  return {
    project: record.project,
    name: record.name,
    version: record.version,
    sealed: record.sealed,
    wrapped_key: record.wrappedKey,
    key_id: record.keyId,
    created_at: record.createdAt,
    updated_at: record.updatedAt,
    updated_by: record.updatedBy,
  };
}

function toRecord(row: SecretRow): SecretRecord {
  return {
    project: row.project,
    name: row.name,
    version: row.version,
    sealed: bufferOf(row.sealed),
    wrappedKey: bufferOf(row.wrapped_key),
    keyId: row.key_id,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    updatedBy: row.updated_by,
  };
}
