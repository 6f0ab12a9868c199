import type { InvocationId } from '../../../shared/ids.ts';
import { levelsAndAbove } from '../../../shared/log-filter.ts';
import type { LogLineFilter, LogPageFilter } from '../../core/ports/log-store.ts';
import type { SqlSession } from '../sql-session.ts';
import { ofProject } from './of-project.ts';

/** Lines that may have been numbered in another order than they were written in. */
const outOfOrder = 1_000;

/** What an index finds, without a look at the lines. */
export function linesWithin(
  { db }: SqlSession,
  { functionId, since, until, afterSeq, beforeSeq }: LogLineFilter & Partial<LogPageFilter>,
) {
  let query = db.selectFrom('logs');
  if (functionId !== undefined) query = query.where('function_id', '=', functionId);
  if (afterSeq !== undefined) query = query.where('seq', '>', afterSeq);
  if (beforeSeq !== undefined) query = query.where('seq', '<', beforeSeq);
  // Numbers go with time, give or take lines that came late.
  if (since !== undefined) {
    const first = db.selectFrom('logs').select('seq').where('at', '>=', since).orderBy('at').limit(outOfOrder);
    query = query.where(
      'seq',
      '>=',
      db.selectFrom(first.as('first')).select(({ fn }) => fn.min('seq').as('seq')),
    );
  }
  if (until !== undefined) {
    const last = db.selectFrom('logs').select('seq').where('at', '<=', until).orderBy('at', 'desc').limit(outOfOrder);
    query = query.where(
      'seq',
      '<=',
      db.selectFrom(last.as('last')).select(({ fn }) => fn.max('seq').as('seq')),
    );
  }
  return query;
}

/** All that the filter says. */
export function matchingLines(session: SqlSession, filter: LogLineFilter & Partial<LogPageFilter>) {
  const { project, invocationId, levels, search, since, until, terms } = filter;
  const { flavour } = session;
  let query = linesWithin(session, filter);
  if (project !== undefined) query = query.where(({ ref }) => ofProject(flavour, ref('function_name'), project));
  if (invocationId !== undefined) query = query.where('invocation_id', '=', invocationId);
  if (levels !== undefined) query = query.where('level', 'in', levels);
  if (since !== undefined) query = query.where('at', '>=', since);
  if (until !== undefined) query = query.where('at', '<=', until);
  if (search !== undefined && search !== '') {
    query = query.where(({ ref }) => flavour.contains(ref('text'), search));
  }
  for (const text of terms?.texts ?? []) query = query.where(({ ref }) => flavour.contains(ref('text'), text));
  for (const text of terms?.notTexts ?? []) {
    query = query.where(({ ref, not }) => not(flavour.contains(ref('text'), text)));
  }
  if (terms?.version !== undefined) query = query.where('version', '=', terms.version);
  if (terms?.stream !== undefined) query = query.where('stream', '=', terms.stream);
  if (terms?.invocationId !== undefined) {
    query = query.where('invocation_id', '=', terms.invocationId as InvocationId);
  }
  if (terms?.level !== undefined) {
    query = query.where('level', 'in', levelsAndAbove(terms.level));
  }
  if (terms?.status !== undefined) {
    const { min, max } = terms.status;
    query = query.where(({ exists, selectFrom }) =>
      exists(
        selectFrom('invocations')
          .select('invocations.seq')
          .whereRef('invocations.id', '=', 'logs.invocation_id')
          .where('invocations.http_status', '>=', min)
          .where('invocations.http_status', '<=', max),
      ),
    );
  }
  return query;
}
