import { type Expression, type SqlBool, sql } from 'kysely';
import { prefixOf } from '../../../shared/names.ts';
import type { SqlFlavour } from '../sql-session.ts';

/** Whether a full name is one of a project; in words that the indexes `…_by_project` can answer. */
export function ofProject(
  { projectPrefix }: SqlFlavour,
  fullName: Expression<string>,
  project: string,
): Expression<SqlBool> {
  const prefix = prefixOf(project);
  const isOf = sql<SqlBool>`${projectPrefix(fullName)} = ${prefix}`;
  return prefix === '' ? isOf : sql<SqlBool>`(${isOf} and ${projectPrefix(fullName)} <> '')`;
}
