import { sql } from 'kysely';
import { PlatformError } from '../../../shared/errors.ts';
import type { FunctionId } from '../../../shared/ids.ts';
import { defaultProject, prefixOf, shortNameOf } from '../../../shared/names.ts';
import type { FunctionRecord, FunctionStore, Page, PageRequest } from '../../core/ports/store.ts';
import { fromJson } from '../columns.ts';
import { decodeCursor, encodeCursor, pageOf } from '../cursor.ts';
import { rowsOf, type SqlSession, touched } from '../sql-session.ts';
import type { FunctionRow } from '../tables.ts';
import { template } from '../template.ts';

const insertFunction = template<FunctionRow>((db, slot) =>
  db
    .insertInto('functions')
    .values({
      id: slot.id,
      name: slot.name,
      description: slot.description,
      tags: slot.tags,
      is_enabled: slot.is_enabled,
      latest_version: slot.latest_version,
      created_at: slot.created_at,
      updated_at: slot.updated_at,
      revision: slot.revision,
    })
    .onConflict((on) => on.column('name').doNothing()),
);
const selectAll = template<Record<never, never>>((db) => db.selectFrom('functions').selectAll().orderBy('name'));

/** Table `functions`. */
export class FunctionModel implements FunctionStore {
  readonly #session: SqlSession;

  constructor(options: { readonly session: SqlSession }) {
    this.#session = options.session;
  }

  async create(record: FunctionRecord): Promise<void> {
    const results = await this.#session.write([this.#session.step(insertFunction, toRow(record))]);
    if (touched(results)) return;
    throw new PlatformError('conflict', 'name_taken', `There is a function named ${shortNameOf(record.name)} already.`);
  }

  async findByName(name: string): Promise<FunctionRecord | undefined> {
    const row = await this.#session.db.selectFrom('functions').selectAll().where('name', '=', name).executeTakeFirst();
    return row && toRecord(row);
  }

  async list(page: PageRequest, search?: string, project = defaultProject): Promise<Page<FunctionRecord>> {
    const key = decodeCursor('functions', ['s'], page.cursor);
    const { contains, jsonArrayContains, projectPrefix } = this.#session.flavour;
    const prefix = prefixOf(project);
    let query = this.#session.db
      .selectFrom('functions')
      .selectAll()
      .where(({ ref }) => sql<boolean>`${projectPrefix(ref('name'))} = ${prefix}`)
      .orderBy('name')
      .limit(page.limit + 1);
    // Names of a project stand together: the index is entered at its first one.
    if (prefix !== '') query = query.where('name', '>', prefix);
    if (key !== undefined) query = query.where('name', '>', String(key[0]));
    if (search !== undefined && search !== '') {
      query = query.where(({ or, ref }) =>
        or([
          contains(sql<string>`substr(${ref('name')}, ${prefix.length + 1})`, search),
          contains(ref('description'), search),
          jsonArrayContains(ref('tags'), search),
        ]),
      );
    }
    return pageOf(await query.execute(), page.limit, toRecord, (row) => encodeCursor('functions', [row.name]));
  }

  async all(): Promise<readonly FunctionRecord[]> {
    const [result] = await this.#session.read([this.#session.step(selectAll, {})]);
    return rowsOf<FunctionRow>(result).map(toRecord);
  }

  async update(
    id: FunctionId,
    expectedRevision: number | undefined,
    change: Partial<Pick<FunctionRecord, 'description' | 'tags' | 'isEnabled' | 'latestVersion'>>,
    now: number,
  ): Promise<FunctionRecord> {
    let query = this.#session.db
      .updateTable('functions')
      .set({
        updated_at: now,
        revision: sql`revision + 1`,
        ...(change.description !== undefined && { description: change.description }),
        ...(change.tags !== undefined && { tags: JSON.stringify(change.tags) }),
        ...(change.isEnabled !== undefined && { is_enabled: change.isEnabled ? 1 : 0 }),
        ...(change.latestVersion !== undefined && { latest_version: change.latestVersion }),
      })
      .where('id', '=', id)
      .returningAll();
    if (expectedRevision !== undefined) query = query.where('revision', '=', expectedRevision);
    const row = await query.executeTakeFirst();
    if (row === undefined) throw await this.#whyUntouched(id);
    return toRecord(row);
  }

  async remove(id: FunctionId, expectedRevision: number | undefined): Promise<void> {
    let query = this.#session.db.deleteFrom('functions').where('id', '=', id).returning('id');
    if (expectedRevision !== undefined) query = query.where('revision', '=', expectedRevision);
    if ((await query.executeTakeFirst()) === undefined) throw await this.#whyUntouched(id);
    await this.#session.db.deleteFrom('requests').where('function_id', '=', id).execute();
  }

  async #whyUntouched(id: FunctionId): Promise<PlatformError> {
    const row = await this.#session.db.selectFrom('functions').select('id').where('id', '=', id).executeTakeFirst();
    if (row === undefined) return new PlatformError('not_found', 'function_not_found', 'There is no such function.');
    return etagMismatch('function');
  }
}

/** Somebody else changed it since the caller read it. */
export function etagMismatch(what: string): PlatformError {
  return new PlatformError(
    'precondition_failed',
    'etag_mismatch',
    `The ${what} was changed since you read it; read it again and repeat the change.`,
  );
}

function toRow(record: FunctionRecord): FunctionRow {
  return {
    id: record.id,
    name: record.name,
    description: record.description,
    tags: JSON.stringify(record.tags),
    is_enabled: record.isEnabled ? 1 : 0,
    latest_version: record.latestVersion,
    created_at: record.createdAt,
    updated_at: record.updatedAt,
    revision: record.revision,
  };
}

function toRecord(row: FunctionRow): FunctionRecord {
  return {
    id: row.id,
    name: row.name,
    description: row.description,
    tags: fromJson<string[]>(row.tags),
    isEnabled: row.is_enabled === 1,
    latestVersion: row.latest_version,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    revision: row.revision,
  };
}
