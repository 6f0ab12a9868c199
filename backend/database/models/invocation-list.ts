import { type SelectQueryBuilder, sql } from 'kysely';
import { type InvocationId, idPattern } from '../../../shared/ids.ts';
import { prefixOf, projectOf } from '../../../shared/names.ts';
import type { InvocationFilter, InvocationRecord, Page, PageRequest } from '../../core/ports/store.ts';
import { decodeCursor, encodeCursor, pageOf } from '../cursor.ts';
import type { SqlSession } from '../sql-session.ts';
import type { Tables } from '../tables.ts';
import { toInvocationRecord } from './invocation-rows.ts';
import { ofProject } from './of-project.ts';

/** What one page looks at where no index knows the answer. */
const defaultMaxLookedAt = 50_000;

type Query<Row> = SelectQueryBuilder<Tables, 'invocations', Row>;
type Key = readonly [at: number, seq: number];

/** See `InvocationStore.list`. From `from` (included) to `to` (not included). */
export async function listInvocations(
  session: SqlSession,
  filter: InvocationFilter,
  { cursor, limit }: PageRequest,
): Promise<Page<InvocationRecord>> {
  const { project, functionName } = filter;
  const after = decodeCursor('invocations', ['n', 'n'], cursor)?.map(Number) as Key | undefined;
  const isOfOther = project !== undefined && functionName !== undefined && projectOf(functionName) !== project;
  if (isOfOther) return { items: [], nextCursor: null };
  const stop = await stopOf(session, filter, after);
  let query = alongIndex(session, session.db.selectFrom('invocations').selectAll(), filter, after)
    .select(
      sql<number>`exists (select 1 from requests where requests.invocation_id = invocations.id)`.as('has_request'),
    )
    .limit(limit + 1);
  if (stop !== undefined) query = query.where(sql<boolean>`(created_at, seq) >= (${stop[0]}, ${stop[1]})`);
  const rows = await lookedAt(session, query, filter).execute();
  const page = pageOf(rows, limit, toInvocationRecord, (row) => encodeCursor('invocations', [row.created_at, row.seq]));
  if (page.nextCursor !== null || stop === undefined) return page;
  return { items: page.items, nextCursor: encodeCursor('invocations', stop) };
}

/** What an index answers, in its order. */
function alongIndex<Row>(
  { flavour }: SqlSession,
  query: Query<Row>,
  { project, functionName, status, trigger, from, to }: InvocationFilter,
  after: Key | undefined,
): Query<Row> {
  let found = query.orderBy('created_at', 'desc').orderBy('seq', 'desc');
  // A full name says its project. With both in the query SQLite walks all that the project did to find one function.
  if (functionName !== undefined) found = found.where('function_name', '=', functionName);
  else if (project !== undefined) found = found.where(({ ref }) => ofProject(flavour, ref('function_name'), project));
  if (status !== undefined) found = found.where('status', '=', status);
  // Says to the planner that the index of the rare statuses can answer.
  if (status !== undefined && status !== 'success') found = found.where(sql<boolean>`status <> 'success'`);
  if (trigger !== undefined) found = found.where('trigger_kind', '=', trigger);
  // The same for the triggers that are rarer than calls over HTTP.
  if (trigger !== undefined && trigger !== 'http') found = found.where(sql<boolean>`trigger_kind <> 'http'`);
  if (from !== undefined) found = found.where('created_at', '>=', from);
  if (to !== undefined) found = found.where('created_at', '<', to);
  if (after !== undefined) found = found.where(sql<boolean>`(created_at, seq) < (${after[0]}, ${after[1]})`);
  return found;
}

/** What has to be looked for, invocation by invocation. */
function lookedAt<Row>(
  { flavour }: SqlSession,
  query: Query<Row>,
  { version, minDurationMs, search = '' }: InvocationFilter,
): Query<Row> {
  let found = query;
  if (version !== undefined) found = found.where('version', '=', version);
  if (minDurationMs !== undefined)
    found = found.where(sql<boolean>`json_extract(timing, '$.totalMs') >= ${minDurationMs}`);
  if (search === '') return found;
  if (idPattern.test(search)) return found.where('id', '=', search as InvocationId);
  return found.where(({ or, ref }) =>
    or([
      sql<boolean>`substr(${ref('id')}, 1, ${search.length}) = ${search.toLowerCase()}`,
      flavour.contains(sql<string>`${ref('error')}`, search),
      flavour.contains(sql<string>`${ref('traceparent')}`, search),
    ]),
  );
}

/** As much of a filter as one index answers without a look at the invocations themselves. */
function ofOneIndex({ from, to, ...filter }: InvocationFilter): InvocationFilter {
  const { functionName, status, trigger, project } = filter;
  const none = { functionName: undefined, status: undefined, trigger: undefined, from, to };
  // The index by time is the one of the default project, of successes and of calls over HTTP.
  const named = project === undefined || prefixOf(project) === '' ? {} : { project };
  if (functionName !== undefined) return { ...none, functionName };
  if (status !== undefined && status !== 'success') return { ...none, ...named, status };
  if (trigger !== undefined && trigger !== 'http') return { ...none, trigger };
  return { ...none, ...named };
}

/** The last of the invocations that this page looks at; undefined where there are no more than that, or an index finds what is asked for. */
async function stopOf(session: SqlSession, filter: InvocationFilter, after: Key | undefined): Promise<Key | undefined> {
  const { version, minDurationMs, search = '', maxLookedAt = defaultMaxLookedAt } = filter;
  const isLooking = version !== undefined || minDurationMs !== undefined || search !== '';
  if (!isLooking || idPattern.test(search)) return undefined;
  const keys = session.db.selectFrom('invocations').select(['created_at', 'seq']);
  // One more: there has to be something behind it.
  const rows = await alongIndex(session, keys, ofOneIndex(filter), after)
    .offset(maxLookedAt - 1)
    .limit(2)
    .execute();
  const [last] = rows;
  return rows.length < 2 || last === undefined ? undefined : [last.created_at, last.seq];
}
