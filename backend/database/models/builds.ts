import { sql } from 'kysely';
import type { BuildId } from '../../../shared/ids.ts';
import { projectOf } from '../../../shared/names.ts';
import type {
  BuildFilter,
  BuildListFilter,
  BuildStore,
  StoredBuild,
  StoredFailure,
  StoredLine,
  StoredStep,
} from '../../core/ports/build-store.ts';
import type { Page, PageRequest } from '../../core/ports/store.ts';
import type { BuildRow } from '../build-row.ts';
import { fromJson, fromJsonOrNull, jsonOrNull } from '../columns.ts';
import { decodeCursor, encodeCursor, pageOf } from '../cursor.ts';
import type { SqlSession } from '../sql-session.ts';
import { deleteInSteps } from './prune.ts';

const listed = [
  ...(['id', 'project', 'function_name', 'state', 'steps', 'created_at', 'finished_at'] as const),
  ...(['created_by', 'source', 'message', 'version', 'error'] as const),
] as const;

const isOfNoFunction = sql<boolean>`not exists (select 1 from functions f where f.name = builds.function_name)`;
const isNewestOfName = sql<boolean>`not exists (
  select 1 from builds newer where newer.function_name = builds.function_name and newer.id > builds.id
)`;

/** Table `builds`. */
export class BuildModel implements BuildStore {
  readonly #session: SqlSession;

  constructor(options: { readonly session: SqlSession }) {
    this.#session = options.session;
  }

  async create(record: StoredBuild): Promise<void> {
    const row = { ...toRow(record), log: '[]' };
    await this.#session.db.insertInto('builds').values(row).execute();
  }

  async finish(record: StoredBuild, log: readonly StoredLine[]): Promise<boolean> {
    const { id, ...change } = toRow(record);
    const row = await this.#session.db
      .updateTable('builds')
      .set({ ...change, log: JSON.stringify(log) })
      .where('id', '=', id)
      .returning('id')
      .executeTakeFirst();
    return row !== undefined;
  }

  async find(project: string, id: BuildId): Promise<StoredBuild | undefined> {
    const row = await this.#session.db
      .selectFrom('builds')
      .select(listed)
      .where('id', '=', id)
      .where('project', '=', project)
      .executeTakeFirst();
    return row && toRecord(row);
  }

  async log(id: BuildId): Promise<readonly StoredLine[]> {
    const row = await this.#session.db.selectFrom('builds').select('log').where('id', '=', id).executeTakeFirst();
    return row === undefined ? [] : fromJson<readonly StoredLine[]>(row.log);
  }

  async list(
    { project, functionName, isWithoutFunction }: BuildListFilter,
    page: PageRequest,
  ): Promise<Page<StoredBuild>> {
    const key = decodeCursor('builds', ['s'], page.cursor);
    let query = this.#session.db
      .selectFrom('builds')
      .select(listed)
      .orderBy('id', 'desc')
      .limit(page.limit + 1);
    // The full name has the project in it.
    query =
      functionName === undefined
        ? query.where('project', '=', project)
        : query.where('function_name', '=', functionName);
    if (isWithoutFunction === true) query = query.where(isOfNoFunction).where(isNewestOfName);
    if (key !== undefined) query = query.where('id', '<', String(key[0]) as BuildId);
    return pageOf(await query.execute(), page.limit, toRecord, (row) => encodeCursor('builds', [row.id]));
  }

  async unfinished(): Promise<readonly StoredBuild[]> {
    const rows = await this.#session.db.selectFrom('builds').select(listed).where('finished_at', 'is', null).execute();
    return rows.map(toRecord);
  }

  async removeOf({ project, functionName }: BuildFilter): Promise<void> {
    const query = this.#session.db.deleteFrom('builds');
    const some =
      functionName === undefined
        ? query.where('project', '=', project)
        : query.where('function_name', '=', functionName);
    await some.execute();
  }

  async keepNewest(functionName: string, count: number): Promise<void> {
    await this.#session.db
      .deleteFrom('builds')
      .where('function_name', '=', functionName)
      .where('finished_at', 'is not', null)
      .where(({ eb, selectFrom }) =>
        eb(
          'id',
          'not in',
          selectFrom('builds')
            .select('id')
            .where('function_name', '=', functionName)
            .orderBy('id', 'desc')
            .limit(count),
        ),
      )
      .execute();
  }

  prune(before: number): Promise<number> {
    return deleteInSteps((limit) =>
      this.#session.db
        .deleteFrom('builds')
        .where(({ eb, selectFrom }) =>
          eb(
            'id',
            'in',
            selectFrom('builds').select('id').where('finished_at', '<', before).orderBy('finished_at').limit(limit),
          ),
        )
        .executeTakeFirstOrThrow(),
    );
  }
}

function toRow(record: StoredBuild): Omit<BuildRow, 'log'> {
  return {
    id: record.id,
    project: projectOf(record.functionName),
    function_name: record.functionName,
    state: record.state,
    steps: JSON.stringify(record.steps),
    created_at: record.createdAt,
    finished_at: record.finishedAt ?? null,
    created_by: record.createdBy,
    source: record.source,
    message: record.message,
    version: record.version ?? null,
    error: jsonOrNull(record.error),
  };
}

function toRecord(row: Omit<BuildRow, 'log'>): StoredBuild {
  return {
    id: row.id,
    functionName: row.function_name,
    state: row.state,
    steps: fromJson<readonly StoredStep[]>(row.steps).map((step) => ({ ...step, finishedAt: step.finishedAt })),
    createdAt: row.created_at,
    finishedAt: row.finished_at ?? undefined,
    createdBy: row.created_by,
    source: row.source,
    message: row.message,
    version: row.version ?? undefined,
    error: fromJsonOrNull<StoredFailure>(row.error),
  };
}
