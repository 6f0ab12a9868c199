import { sql } from 'kysely';
import type { Migration } from './migration.ts';

/**
 * What failed in a project with a name was found by walking all that the project did. Only calls that did not succeed, in such
 * a project, cost the entry.
 */
export const projectStatusesMigration: Migration = {
  name: '0022-project-statuses',
  async up(db, flavour) {
    const prefix = flavour.projectPrefix(sql.ref('function_name'));
    await sql`create index invocations_by_project_status on invocations (${prefix}, status, created_at, seq)
      where ${prefix} <> '' and status <> 'success'`.execute(db);
  },
};
