import { type Expression, sql } from 'kysely';
import { minuteMs } from '../../../shared/durations.ts';
import { levelsAndAbove } from '../../../shared/log-filter.ts';
import { prefixOf, projectOf } from '../../../shared/names.ts';
import { type LogSpan, logSpan } from '../../core/policies/log-steps.ts';
import type { LogCountFilter, LogCounts, StoredLogLine } from '../../core/ports/log-store.ts';
import { rowsOf, type SqlSession, type Step } from '../sql-session.ts';
import type { LogCountRow } from '../tables.ts';
import { template } from '../template.ts';
import { linesWithin, matchingLines } from './log-lines.ts';

/** What is deleted at a time: of a thousand functions some ten thousand rows. */
const pruneStepMs = 10 * minuteMs;
/** Some 80 ms of processor time with a text to look for, on a busy machine. */
const defaultMaxLines = 30_000;
const defaultMaxRows = 200_000;

const addCount = template<LogCountRow>((db, slot) =>
  db
    .insertInto('log_counts')
    .values({
      series: slot.series,
      at: slot.at,
      version: slot.version,
      level: slot.level,
      stream: slot.stream,
      count: slot.count,
    })
    .onConflict((on) =>
      on
        .columns(['series', 'at', 'version', 'level', 'stream'])
        .doUpdateSet({ count: sql`log_counts.count + excluded.count` }),
    ),
);
const selectLastSeq = template<Record<never, never>>((db) =>
  db.selectFrom('logs').select('seq').orderBy('seq', 'desc').limit(1),
);

/** The series of a project: `@` is what no id of a function begins with. */
const projectSeries = (project: string): string => `@${prefixOf(project)}`;

/**
 * Table `log_counts`: how many lines there were per minute, of each function by version, level and stream, and of each project
 * without regard to the version. Written with the lines, so that it says what they say.
 */
export class LogCountModel {
  readonly #session: SqlSession;

  constructor(options: { readonly session: SqlSession }) {
    this.#session = options.session;
  }

  /** What has to be written with these lines. */
  stepsFor(lines: readonly StoredLogLine[]): readonly Step[] {
    const rows = new Map<string, LogCountRow>();
    for (const line of lines) {
      const at = Math.floor(line.at / minuteMs) * minuteMs;
      const { level, stream } = line;
      const counted = [
        { series: line.functionId as string, version: line.version },
        { series: projectSeries(projectOf(line.functionName)), version: 0 },
      ];
      for (const { series, version } of counted) {
        const key = `${series} ${at} ${version} ${level} ${stream}`;
        const row = rows.get(key);
        if (row === undefined) rows.set(key, { series, at, version, level, stream, count: 1 });
        else row.count++;
      }
    }
    return [...rows.values()].map((row) => this.#session.step(addCount, row));
  }

  async count(filter: LogCountFilter): Promise<LogCounts> {
    const { since, until, maxSteps, maxLookedAt } = filter;
    const span = logSpan(since, until, maxSteps);
    const series = seriesOf(filter);
    if (series === undefined) return await this.#byLines(filter, span);
    if (span.stepMs >= minuteMs) return await this.#byMinutes(filter, series, span);
    const minutes = logSpan(since, until, maxSteps, minuteMs);
    const counted = await this.#byMinutes(filter, series, minutes);
    const sum = counted.counts.reduce((total, { count }) => total + count, 0);
    // Too many to be looked at: steps of a minute say all that there is.
    return sum > (maxLookedAt ?? defaultMaxLines) ? counted : await this.#byLines(filter, span);
  }

  /** Minutes that are wholly before. */
  async prune(before: number): Promise<void> {
    const { db } = this.#session;
    const end = Math.floor(before / minuteMs) * minuteMs;
    for (;;) {
      const oldest = await db.selectFrom('log_counts').select('at').orderBy('at').limit(1).executeTakeFirst();
      if (oldest === undefined || oldest.at >= end) return;
      await db
        .deleteFrom('log_counts')
        .where('at', '<', Math.min(end, oldest.at + pruneStepMs))
        .execute();
    }
  }

  async #byMinutes(filter: LogCountFilter, series: string, span: LogSpan): Promise<LogCounts> {
    const { levels, terms, maxLookedAt = defaultMaxRows } = filter;
    let query = this.#session.db
      .selectFrom('log_counts')
      .where('series', '=', series)
      .where('at', '>=', span.from)
      .where('at', '<', span.to);
    const [stop] = await this.#rows<{ at: number }>(
      query.select('at').orderBy('at', 'desc').offset(maxLookedAt).limit(1),
    );
    // The minute in which it stopped may be there in part.
    const countedFrom = stop === undefined ? undefined : stop.at + minuteMs;
    if (countedFrom !== undefined) query = query.where('at', '>=', countedFrom);
    if (levels !== undefined) query = query.where('level', 'in', levels);
    if (terms?.level !== undefined) query = query.where('level', 'in', levelsAndAbove(terms.level));
    if (terms?.version !== undefined) query = query.where('version', '=', terms.version);
    if (terms?.stream !== undefined) query = query.where('stream', '=', terms.stream);
    const grouped = query
      .select(({ ref, fn }) => [stepAt(ref('at'), span).as('at'), 'level', fn.sum<number>('count').as('count')])
      .groupBy(({ ref }) => [stepAt(ref('at'), span), 'level']);
    return await this.#counts(grouped, span, countedFrom);
  }

  async #byLines(filter: LogCountFilter, span: LogSpan): Promise<LogCounts> {
    const { invocationId, terms, maxLookedAt = defaultMaxLines } = filter;
    const range = { ...filter, since: span.from, until: span.to - 1 };
    // The lines of one call are bounded already.
    const isBounded = invocationId !== undefined || terms?.invocationId !== undefined;
    const stops = linesWithin(this.#session, range).select(['seq', 'at']).orderBy('seq', 'desc');
    const [stop] = isBounded ? [] : await this.#rows<{ seq: number; at: number }>(stops.offset(maxLookedAt).limit(1));
    let query = matchingLines(this.#session, range);
    if (stop !== undefined) query = query.where('seq', '>', stop.seq);
    const grouped = query
      .select(({ ref, fn }) => [stepAt(ref('at'), span).as('at'), 'level', fn.countAll<number>().as('count')])
      .groupBy(({ ref }) => [stepAt(ref('at'), span), 'level']);
    return await this.#counts(grouped, span, stop?.at);
  }

  /** The newest line is asked for in the same read, so that what is not stored yet can be told apart from what was counted. */
  async #counts(grouped: Compiling, span: LogSpan, countedFrom: number | undefined): Promise<LogCounts> {
    const [counts, newest] = await this.#session.read([stepOf(grouped), this.#session.step(selectLastSeq, {})]);
    const ascending = rowsOf<LogCounts['counts'][number]>(counts).toSorted((a, b) => a.at - b.at);
    return { ...span, counts: ascending, countedFrom, lastSeq: Number(newest?.rows[0]?.[0] ?? 0) };
  }

  async #rows<Row>(query: Compiling): Promise<readonly Row[]> {
    const [result] = await this.#session.read([stepOf(query)]);
    return rowsOf<Row>(result);
  }
}

interface Compiling {
  compile(): { readonly sql: string; readonly parameters: readonly unknown[] };
}

function stepOf(query: Compiling): Step {
  const { sql: text, parameters } = query.compile();
  return { sql: text, parameters: parameters as (string | number)[], skipWhenNone: 0 };
}

/** The start of the step that a time is in. As a literal: what is grouped by has to be the very expression that is selected. */
function stepAt(at: Expression<number>, { stepMs }: LogSpan) {
  const step = sql.lit(stepMs);
  return sql<number>`(${at} / ${step}) * ${step}`;
}

/** Whose counts answer the filter, or undefined: the lines themselves have to be looked at. */
function seriesOf({ project, functionId, invocationId, search, terms }: LogCountFilter): string | undefined {
  const looksAtLines =
    invocationId !== undefined ||
    (search !== undefined && search !== '') ||
    (terms !== undefined &&
      (terms.invocationId !== undefined ||
        terms.status !== undefined ||
        terms.texts.length + terms.notTexts.length > 0));
  if (looksAtLines) return undefined;
  if (functionId !== undefined) return functionId;
  return project === undefined || terms?.version !== undefined ? undefined : projectSeries(project);
}
