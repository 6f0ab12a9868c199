import type { InvocationId } from '../../../shared/ids.ts';
import { logLevels } from '../../../shared/log-filter.ts';
import type { LogSearch, LogStore, StoredLogLine } from '../../core/ports/store.ts';
import { rowsOf, type SqlSession, touched } from '../sql-session.ts';
import type { LogRow } from '../tables.ts';
import { template } from '../template.ts';
import { ofProject } from './of-project.ts';
import { deleteInSteps } from './prune.ts';

const insertLine = template<LogRow>((db, slot) =>
  db.insertInto('logs').values({
    seq: slot.seq,
    at: slot.at,
    function_id: slot.function_id,
    function_name: slot.function_name,
    version: slot.version,
    invocation_id: slot.invocation_id,
    instance_id: slot.instance_id,
    level: slot.level,
    stream: slot.stream,
    text: slot.text,
  }),
);
const selectLastSeq = template<Record<never, never>>((db) =>
  db.selectFrom('logs').select('seq').orderBy('seq', 'desc').limit(1),
);

/** What one page looks at: some 15 ms of reading. */
const defaultMaxLookedAt = 50_000;
/** Lines that may have been numbered in another order than they were written in. */
const outOfOrder = 1_000;

/** Table `logs`. */
export class LogModel implements LogStore {
  readonly #session: SqlSession;

  constructor(options: { readonly session: SqlSession }) {
    this.#session = options.session;
  }

  async append(lines: readonly StoredLogLine[]): Promise<void> {
    if (lines.length === 0) return;
    await this.#session.write(lines.map((line) => this.#session.step(insertLine, toRow(line))));
  }

  async lastSeq(): Promise<number> {
    const results = await this.#session.read([this.#session.step(selectLastSeq, {})]);
    return touched(results) ? Number(results[0]?.rows[0]?.[0]) : 0;
  }

  async query(filter: Parameters<LogStore['query']>[0]): Promise<LogSearch> {
    const { fromEnd, limit } = filter;
    const stop = await this.#stopOf(filter);
    let query = this.#matching(filter).limit(limit);
    if (stop !== undefined) query = query.where('seq', fromEnd ? '>=' : '<=', stop);
    const lines = (await this.#rows<LogRow>(query.orderBy('seq', fromEnd ? 'desc' : 'asc'))).map(toRecord);
    return { lines: fromEnd ? lines.reverse() : lines, stoppedAt: lines.length < limit ? stop : undefined };
  }

  /** The last of the lines that are looked at, or undefined where these are all that there are. */
  async #stopOf(filter: Parameters<LogStore['query']>[0]): Promise<number | undefined> {
    const { fromEnd, invocationId, terms, maxLookedAt = defaultMaxLookedAt } = filter;
    // The lines of one call are bounded already.
    if (invocationId !== undefined || terms?.invocationId !== undefined) return undefined;
    const query = this.#within(filter)
      .select('seq')
      .orderBy('seq', fromEnd ? 'desc' : 'asc');
    // One more: there has to be something behind it.
    const rows = await this.#rows<Pick<LogRow, 'seq'>>(query.offset(maxLookedAt - 1).limit(2));
    return rows.length < 2 ? undefined : rows[0]?.seq;
  }

  /** What an index finds, without a look at the lines. */
  #within({ functionId, since, until, afterSeq, beforeSeq }: Parameters<LogStore['query']>[0]) {
    const { db } = this.#session;
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
  #matching(filter: Parameters<LogStore['query']>[0]) {
    const { project, invocationId, levels, search, since, until, terms } = filter;
    const { flavour } = this.#session;
    let query = this.#within(filter).selectAll();
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
      query = query.where('level', 'in', logLevels.slice(logLevels.indexOf(terms.level)));
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

  async #rows<Row>(query: { compile(): { readonly sql: string; readonly parameters: readonly unknown[] } }) {
    const { sql, parameters } = query.compile();
    const [result] = await this.#session.read([
      { sql, parameters: parameters as (string | number)[], skipWhenNone: 0 },
    ]);
    return rowsOf<Row>(result);
  }

  prune(before: number): Promise<number> {
    return deleteInSteps((limit) =>
      this.#session.db
        .deleteFrom('logs')
        .where(({ eb, selectFrom }) =>
          eb('seq', 'in', selectFrom('logs').select('seq').where('at', '<', before).orderBy('at').limit(limit)),
        )
        .executeTakeFirstOrThrow(),
    );
  }
}

function toRow(line: StoredLogLine): LogRow {
  return {
    seq: line.seq,
    at: line.at,
    function_id: line.functionId,
    function_name: line.functionName,
    version: line.version,
    invocation_id: line.invocationId ?? null,
    instance_id: line.instanceId ?? null,
    level: line.level,
    stream: line.stream,
    text: line.text,
  };
}

function toRecord(row: LogRow): StoredLogLine {
  return {
    seq: row.seq,
    at: row.at,
    functionId: row.function_id,
    functionName: row.function_name,
    version: row.version,
    invocationId: row.invocation_id ?? undefined,
    instanceId: row.instance_id ?? undefined,
    level: row.level,
    stream: row.stream,
    text: row.text,
  };
}
