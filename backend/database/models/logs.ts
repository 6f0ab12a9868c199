import type {
  LogCountFilter,
  LogCounts,
  LogPageFilter,
  LogSearch,
  LogStore,
  StoredLogLine,
} from '../../core/ports/log-store.ts';
import { rowsOf, type SqlSession, touched } from '../sql-session.ts';
import type { LogRow } from '../tables.ts';
import { template } from '../template.ts';
import { LogCountModel } from './log-counts.ts';
import { linesWithin, matchingLines } from './log-lines.ts';
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

/** Table `logs`, and with it `log_counts`. */
export class LogModel implements LogStore {
  readonly #session: SqlSession;
  readonly #counts: LogCountModel;

  constructor(options: { readonly session: SqlSession }) {
    this.#session = options.session;
    this.#counts = new LogCountModel(options);
  }

  async append(lines: readonly StoredLogLine[]): Promise<void> {
    if (lines.length === 0) return;
    const inserts = lines.map((line) => this.#session.step(insertLine, toRow(line)));
    await this.#session.write([...inserts, ...this.#counts.stepsFor(lines)]);
  }

  async lastSeq(): Promise<number> {
    const results = await this.#session.read([this.#session.step(selectLastSeq, {})]);
    return touched(results) ? Number(results[0]?.rows[0]?.[0]) : 0;
  }

  async query(filter: LogPageFilter): Promise<LogSearch> {
    const { fromEnd, limit } = filter;
    const stop = await this.#stopOf(filter);
    let query = matchingLines(this.#session, filter).selectAll().limit(limit);
    if (stop !== undefined) query = query.where('seq', fromEnd ? '>=' : '<=', stop);
    const lines = (await this.#rows<LogRow>(query.orderBy('seq', fromEnd ? 'desc' : 'asc'))).map(toRecord);
    return { lines: fromEnd ? lines.reverse() : lines, stoppedAt: lines.length < limit ? stop : undefined };
  }

  /** The last of the lines that are looked at, or undefined where these are all that there are. */
  async #stopOf(filter: LogPageFilter): Promise<number | undefined> {
    const { fromEnd, invocationId, terms, maxLookedAt = defaultMaxLookedAt } = filter;
    // The lines of one call are bounded already.
    if (invocationId !== undefined || terms?.invocationId !== undefined) return undefined;
    const query = linesWithin(this.#session, filter)
      .select('seq')
      .orderBy('seq', fromEnd ? 'desc' : 'asc');
    // One more: there has to be something behind it.
    const rows = await this.#rows<Pick<LogRow, 'seq'>>(query.offset(maxLookedAt - 1).limit(2));
    return rows.length < 2 ? undefined : rows[0]?.seq;
  }

  async #rows<Row>(query: { compile(): { readonly sql: string; readonly parameters: readonly unknown[] } }) {
    const { sql, parameters } = query.compile();
    const [result] = await this.#session.read([
      { sql, parameters: parameters as (string | number)[], skipWhenNone: 0 },
    ]);
    return rowsOf<Row>(result);
  }

  count(filter: LogCountFilter): Promise<LogCounts> {
    return this.#counts.count(filter);
  }

  async prune(before: number): Promise<number> {
    await this.#counts.prune(before);
    return await deleteInSteps((limit) =>
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
