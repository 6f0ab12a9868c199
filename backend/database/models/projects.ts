import { PlatformError } from '../../../shared/errors.ts';
import type { ProjectRecord, ProjectStore } from '../../core/ports/project-store.ts';
import type { SqlSession } from '../sql-session.ts';
import type { ProjectRow } from '../tables.ts';

/** Table `projects`; those that were deleted stay for their names. */
export class ProjectModel implements ProjectStore {
  readonly #session: SqlSession;

  constructor(options: { readonly session: SqlSession }) {
    this.#session = options.session;
  }

  async create(record: ProjectRecord): Promise<void> {
    const row = await this.#session.db
      .insertInto('projects')
      .values({
        id: record.id,
        name: record.name,
        description: record.description,
        created_at: record.createdAt,
        deleted_at: null,
      })
      .onConflict((on) => on.column('name').doNothing())
      .returning('id')
      .executeTakeFirst();
    if (row !== undefined) return;
    throw new PlatformError(
      'conflict',
      'project_taken',
      `There is or was a project named ${record.name}; names of projects are never given out twice.`,
    );
  }

  async all(): Promise<readonly ProjectRecord[]> {
    const rows = await this.#session.db
      .selectFrom('projects')
      .selectAll()
      .where('deleted_at', 'is', null)
      .orderBy('name')
      .execute();
    return rows.map(toRecord);
  }

  async update(name: string, change: { readonly description: string }): Promise<void> {
    await this.#session.db.updateTable('projects').set(change).where('name', '=', name).execute();
  }

  async remove(name: string, now: number): Promise<void> {
    await this.#session.transaction(async ({ db }) => {
      await db.deleteFrom('tokens').where('project', '=', name).execute();
      await db.deleteFrom('user_roles').where('project', '=', name).execute();
      await db.deleteFrom('secrets').where('project', '=', name).execute();
      await db.updateTable('projects').set({ deleted_at: now }).where('name', '=', name).execute();
    });
  }
}

function toRecord(row: ProjectRow): ProjectRecord {
  return { id: row.id, name: row.name, description: row.description, createdAt: row.created_at };
}
